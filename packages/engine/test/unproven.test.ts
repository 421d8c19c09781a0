import { parseUserName } from '@dsyncd/core';
import { describe, expect, test } from 'vitest';
import { burstMs, UnprovenUsers } from '../src/dovecot/unproven-users.ts';

const task = { user: parseUserName('ann'), channel: 'default' };
const sync = (
  startedAt: number,
  ms: number,
  isFull = false,
  outcome: 'ok' | 'changed' | 'transient' = 'ok',
) => ({
  ...{ outcome, isFull, startedAt },
  endedAt: startedAt + ms,
});

describe('a user may differ although all syncs succeeded', () => {
  test('not after one that had time before it', () => {
    const unproven = new UnprovenUsers();
    expect(unproven.ended(task, sync(0, 100, true))).toBeUndefined();
    expect(unproven.ended(task, sync(100 + burstMs, 50))).toBeUndefined();
  });

  test('after one right behind another, until a full one succeeds, which waits as it costs', () => {
    const unproven = new UnprovenUsers();
    unproven.ended(task, sync(-90_000, 9_000));
    unproven.ended(task, sync(0, 1_000, true));
    expect(unproven.ended(task, sync(1_900, 100))).toBe(4_000);
    expect(unproven.ended(task, sync(5_900, 50))).toBe(300);
    expect(unproven.ended(task, sync(70_000, 50, true, 'transient'))).toBe(300);
    expect(unproven.ended(task, sync(80_000, 50))).toBe(300);
    expect(unproven.ended(task, sync(90_000, 20, true))).toBeUndefined();
    expect(unproven.ended(task, sync(100_000, 50))).toBeUndefined();
  });

  test('after one right behind the first of all, whose cost is that of bringing the mail', () => {
    const unproven = new UnprovenUsers();
    unproven.ended(task, sync(0, 600_000, true));
    expect(unproven.ended(task, sync(600_100, 100))).toBe(300);
  });

  test('after one that said "changed"; users and channels apart', () => {
    const unproven = new UnprovenUsers();
    expect(unproven.ended(task, sync(0, 10, false, 'changed'))).toBe(300);
    expect(unproven.ended({ ...task, channel: 'other' }, sync(60_000, 10))).toBeUndefined();
    expect(unproven.ended(task, sync(60_000, 10))).toBe(300);
  });
});
