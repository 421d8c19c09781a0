import { parseUserName, silentLogger, systemRandom, type UserName } from '@dsyncd/core';
import { openMemoryQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { beforeEach, describe, expect, it } from 'vitest';
import { UserRefresh } from '../src/index.ts';

const graceMs = 10_000;
let clock: VirtualClock;
let queue: ReturnType<typeof openMemoryQueue>;
/** What userdb lists, and whom it knows without listing. */
let listed: string[] | Error;
let hidden: string[];
let refresh: UserRefresh;

beforeEach(() => {
  clock = new VirtualClock(1_790_000_000_000);
  queue = openMemoryQueue({
    clock,
    random: systemRandom,
    settings: {
      channels: ['default', 'offsite'],
      fullSyncIntervalMs: 86_400_000,
      failureResyncIntervalMs: 300_000,
    },
  });
  [listed, hidden] = [['ann', 'bob'], []];
  refresh = new UserRefresh({
    queue,
    channels: () => ['default', 'offsite'].map((name) => ({ name, replica: '', chain: false })),
    users: async function* () {
      if (listed instanceof Error) throw listed;
      for (const name of listed) yield parseUserName(name);
    },
    exists: async (user: UserName) => hidden.includes(user),
    mailSize: async () => 0,
    intervalMs: () => 1_000,
    graceMs: () => graceMs,
    clock,
  });
});

async function known(channel = 'default'): Promise<string> {
  const names: string[] = [];
  for await (const { user } of queue.userStatus(channel, '*')) names.push(user);
  return names.sort().join();
}

async function refreshAfter(delayMs: number): Promise<void> {
  clock.advance(delayMs);
  await refresh.refresh();
}

describe('UserRefresh', () => {
  it('adds whom it lists to every channel, and new ones later', async () => {
    await refresh.refresh();
    expect([await known(), await known('offsite')]).toEqual(['ann,bob', 'ann,bob']);
    listed = ['ann', 'bob', 'cyd'];
    await refresh.refresh();
    expect(await known('offsite')).toBe('ann,bob,cyd');
  });

  it('forgets a user who was not listed for the grace time, not a moment sooner', async () => {
    await refresh.refresh();
    listed = ['ann'];
    await refresh.refresh();
    await refreshAfter(graceMs - 1);
    expect(await known()).toBe('ann,bob');
    await refreshAfter(1);
    expect([await known(), await known('offsite')]).toEqual(['ann', 'ann']);
  });

  it('tells of users whose names it cannot take, once, and again when there are more', async () => {
    const warned: unknown[] = [];
    let count = 0;
    const loud = new UserRefresh({
      queue,
      channels: () => [],
      users: async function* () {},
      mailSize: async () => 0,
      unusable: () => ({ count, example: '../evil' }),
      intervalMs: () => 1_000,
      graceMs: () => graceMs,
      clock,
      logger: { ...silentLogger, warn: (fields) => warned.push(fields) },
    });
    for (const next of [0, 2, 2, 3]) {
      count = next;
      await loud.refresh();
    }
    expect(warned).toMatchObject([{ users: 2, example: '"../evil"' }, { users: 3 }]);
  });

  it('starts the time again for one who came back', async () => {
    await refresh.refresh();
    listed = ['ann'];
    await refreshAfter(graceMs - 1);
    listed = ['ann', 'bob'];
    await refresh.refresh();
    listed = ['ann'];
    await refreshAfter(2);
    await refreshAfter(graceMs - 1);
    expect(await known()).toBe('ann,bob');
  });

  it('keeps one whom userdb knows although it does not list him', async () => {
    await refresh.refresh();
    [listed, hidden] = [['ann'], ['bob']];
    await refresh.refresh();
    await refreshAfter(graceMs * 2);
    expect(await known()).toBe('ann,bob');
  });

  it('keeps everyone when the list is empty or fails', async () => {
    await refresh.refresh();
    for (const broken of [[], new Error('SQL is down')]) {
      listed = broken;
      await refresh.refresh();
      await refreshAfter(graceMs * 2);
      expect(await known()).toBe('ann,bob');
    }
  });
});
