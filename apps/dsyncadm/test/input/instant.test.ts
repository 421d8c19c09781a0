import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/input/arguments.ts';

describe('parseInstant', () => {
  it.each([
    ['1795428000', 1_795_428_000],
    ['2026-11-23', 1_795_392_000],
    ['2026-11-23T10:00:00Z', 1_795_428_000],
    ['2026-11-23T11:00+01:00', 1_795_428_000],
    ['0', 0],
  ])('reads %s', (text, seconds) => expect(parseInstant(text)).toBe(seconds));

  it.each(['', 'yesterday', '2026-13-01', '2026-11-23T10:00:00', '-5', '1e9', '999999999999'])(
    'refuses %j',
    (text) => expect(() => parseInstant(text)).toThrow('is not an instant'),
  );
});
