import { describe, expect, it } from 'vitest';
import { parseUidSet } from '../../src/input/arguments.ts';

const text = (set: string, highest = 100): string =>
  parseUidSet(set, highest)
    .map(({ from, to }) => `${from}:${to}`)
    .join(',');

describe('parseUidSet', () => {
  it.each([
    ['7', '7:7'],
    ['5:1', '1:5'],
    ['1:5,7,12:*', '1:5,7:7,12:100'],
    ['*', '100:100'],
    ['200:*', '100:200'],
    ['3,1,2', '1:3'],
    ['1:10,4:6,20,11', '1:11,20:20'],
    ['4294967295', '4294967295:4294967295'],
    ['4294967295,4294967294', '4294967294:4294967295'],
  ])('reads %s as %s', (set, wanted) => expect(text(set)).toBe(wanted));

  it.each(['*', '1:*'])('takes %s as nothing in an empty mailbox', (set) => expect(text(set, 0)).toBe(''));

  it.each(['', '0', '1,,2', '1:2:3', 'x', '-1', '1.5', '4294967296', ' 1', '1:'])('refuses %j', (set) =>
    expect(() => parseUidSet(set, 100)).toThrow('is not a UID'),
  );

  it('takes 10,000 parts and refuses one more', () => {
    expect(text(Array(10_000).fill('1').join(','))).toBe('1:1');
    expect(() => parseUidSet(Array(10_001).fill('1').join(','), 1)).toThrow('more than 10000 parts');
  });
});
