import { type LogFields, type Logger, parseUserName, silentLogger, systemRandom } from '@dsyncd/core';
import { changeBatch } from '@dsyncd/notify';
import { openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { until } from '@dsyncd/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { Intake, noRoomProblems, UserRefresh } from '../src/index.ts';

const channels = () => ['default', 'offsite'].map((name) => ({ name, replica: '', chain: false }));
let clock: VirtualClock;
let queue: ReplicationQueue;
let warned: LogFields[];
let logger: Logger;

beforeEach(async () => {
  clock = new VirtualClock();
  queue = openMemoryQueue({
    clock,
    random: systemRandom,
    settings: {
      channels: ['default', 'offsite'],
      fullSyncIntervalMs: 86_400_000,
      failureResyncIntervalMs: 300_000,
    },
    usersMax: 2,
  });
  for (const { name } of channels()) await queue.add(name, ['ann', 'bob'].map(parseUserName));
  warned = [];
  logger = { ...silentLogger, warn: (fields) => void warned.push(fields) };
});

const changed = (...names: readonly string[]) =>
  changeBatch(names.map((name) => ({ user: parseUserName(name), priority: 'high' })));

async function priorities(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { user, priority } of queue.userStatus('offsite', '*')) found[user] = priority;
  return found;
}

describe('notifications of users whom the queue has no room for', () => {
  it('hold up nobody, are told, and come again when there is room', async () => {
    const intake = new Intake({ queue, channels, clock, logger });
    await intake.request(changed('zoe', 'ann', 'yve', 'bob'));
    expect(await priorities()).toEqual({ ann: 'high', bob: 'high' });
    expect(warned).toMatchObject([{ users: 2, example: '"zoe"' }]);
    expect(noRoomProblems(intake.leftOut, undefined)).toMatchObject([
      { check: 'users-max', message: expect.stringContaining('no room for 2 users') },
    ]);

    for (const { name } of channels()) await queue.remove(name, parseUserName('ann'));
    clock.advance(60_000);
    await until('one has room', () => intake.leftOut.count === 1);
    expect(await priorities()).toEqual({ bob: 'high', zoe: 'high' });
    for (const { name } of channels()) await queue.remove(name, parseUserName('bob'));
    clock.advance(60_000);
    await until('both have room', () => intake.leftOut.count === 0);
    expect(await priorities()).toEqual({ zoe: 'high', yve: 'high' });
    expect(noRoomProblems(intake.leftOut, undefined)).toEqual([]);
    intake.leftOut.stop();
  });
});

describe('a list with users whom the queue has no room for', () => {
  it('is taken as far as there is room, and the rest by a later list', async () => {
    const listed = ['zoe', 'bob'];
    const refresh = new UserRefresh({
      queue,
      channels,
      users: async function* () {
        for (const name of listed) yield parseUserName(name);
      },
      exists: async () => false,
      mailSize: async () => 0,
      intervalMs: () => 1_000,
      graceMs: () => 0,
      clock,
      logger,
    });
    await refresh.refresh();
    expect(warned).toMatchObject([{ error: { code: 'DSYNCD_QUEUE_USERS_MAX' } }]);
    const none = { count: 0, example: undefined };
    expect(noRoomProblems(none, refresh.noRoom)).toMatchObject([{ message: expect.stringContaining('zoe') }]);
    // Ann, who is listed no more, was forgotten by this very look.
    expect(await priorities()).toEqual({ bob: 'none' });
    await refresh.refresh();
    expect(await priorities()).toEqual({ bob: 'none', zoe: 'none' });
    expect(noRoomProblems(none, refresh.noRoom)).toEqual([]);
  });
});
