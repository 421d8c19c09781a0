import { describe, expect, test } from 'vitest';
import {
  asMailboxGuid,
  asModSeq,
  asUid,
  asUidValidity,
  DsyncdError,
  InvariantError,
  isMailGuid,
  outcomeRules,
  toDsyncdError,
  uint32Max,
} from '../src/index.ts';

const fallback = { code: 'DSYNCD_SYSTEM', outcome: 'transient' } as const;

describe('toDsyncdError', () => {
  test('leaves our own errors as they are', () => {
    const error = new DsyncdError('DSYNCD_CONFIG', 'x', { outcome: 'busy' });
    expect(toDsyncdError(error, fallback)).toBe(error);
  });

  test.each([
    ['ENOSPC', 'transient', 'free space'],
    ['SQLITE_FULL', 'transient', 'free space'],
    ['EACCES', 'operator', 'owner and the mode'],
    ['SQLITE_CORRUPT', 'operator', 'damaged'],
  ])('knows what to do about %s', (code, outcome, hint) => {
    const error = toDsyncdError(Object.assign(new Error('it failed'), { code }), fallback);
    expect(error).toMatchObject({ code: 'DSYNCD_SYSTEM', outcome, message: 'it failed' });
    expect(error.hint).toContain(hint);
  });

  test('takes the fallback for what it does not know, thrown texts too', () => {
    expect(toDsyncdError('boom', fallback)).toMatchObject({ message: 'boom', outcome: 'transient' });
    expect(toDsyncdError(new Error('boom'), fallback).hint).toBeUndefined();
  });
});

test('every outcome says what follows', () => {
  for (const rule of Object.values(outcomeRules)) expect(rule.meaning.length).toBeGreaterThan(5);
  expect(outcomeRules.changed).toMatchObject({ keepsState: false, isFailure: false, next: 'soon' });
  expect(outcomeRules.busy.isFailure).toBe(false);
});

describe('branded numbers', () => {
  test('take their whole range and nothing else', () => {
    expect(asUid(uint32Max)).toBe(uint32Max);
    expect(asUidValidity(0)).toBe(0);
    expect(asModSeq(Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
    for (const bad of [-1, uint32Max + 1, 1.5, Number.NaN]) expect(() => asUid(bad)).toThrow(InvariantError);
    expect(() => asUidValidity(2 ** 32)).toThrow(InvariantError);
    expect(() => asModSeq(2 ** 53)).toThrow(InvariantError);
  });

  test('GUIDs: mailboxes have 32 hexadecimal digits, mails any short text', () => {
    expect(() => asMailboxGuid('x')).toThrow(InvariantError);
    expect(asMailboxGuid('0123456789abcdef0123456789abcdef')).toHaveLength(32);
    expect(isMailGuid('1795411455.M1P2.host,S=3')).toBe(true);
    expect(isMailGuid('a\nb')).toBe(false);
    expect(isMailGuid('x'.repeat(256))).toBe(false);
  });
});
