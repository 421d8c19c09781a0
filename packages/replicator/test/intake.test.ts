import { parseUserName, silentLogger, systemRandom } from '@dsyncd/core';
import { changeBatch } from '@dsyncd/notify';
import { openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { expect, it } from 'vitest';
import { Intake } from '../src/index.ts';

const [u, v, w] = ['u', 'v', 'w'].map(parseUserName) as [never, never, never];

it('the queue merges the lines of a user: the highest priority, on every channel that one of them concerns', async () => {
  const clock = new VirtualClock();
  const queue = openMemoryQueue({
    clock,
    random: systemRandom,
    settings: {
      channels: ['default', 'chain'],
      fullSyncIntervalMs: 86_400_000,
      failureResyncIntervalMs: 300_000,
    },
  });
  const channels = () => ['default', 'chain'].map((name) => ({ name, replica: '', chain: name === 'chain' }));
  const intake = new Intake({ queue, channels, clock, logger: silentLogger });
  await intake.request(
    changeBatch([
      { user: u, priority: 'low' },
      { user: u, priority: 'high' },
      { user: u, priority: 'low' },
      { user: v, priority: 'low', origin: 'mx2' },
      { user: w, priority: 'low', origin: 'mx2' },
      { user: w, priority: 'low' },
    ]),
  );
  const asked = async (channel: string): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    for await (const { user, priority } of queue.userStatus(channel, '*')) found[user] = priority;
    return found;
  };
  expect(await asked('default')).toEqual({ u: 'high', w: 'low' });
  expect(await asked('chain')).toEqual({ u: 'high', v: 'low', w: 'low' });
  await queue.close();
});

it('a waiter whose replica is required waits for that channel alone, and for a sync that ended as ok', async () => {
  const names = ['default', 'offsite'];
  const requiresReplica = (user: string) => user === 'u';
  const channels = () =>
    names.map((name) => ({
      name,
      replica: '',
      chain: false,
      ...(name === 'default' ? { requiresReplica } : {}),
    }));
  const outcomes = ['changed', 'ok', 'transient'] as const;
  const asked: string[] = [];
  const queue = {
    waitForSync: async (channel: string, user: string) => {
      asked.push(`${channel} ${user}`);
      return outcomes[asked.length - 1] ?? 'ok';
    },
    requestMany: async () => ({ leftOut: [] }),
  } as unknown as ReplicationQueue;
  const intake = new Intake({ queue, channels, clock: new VirtualClock(), logger: silentLogger });
  const { signal } = new AbortController();
  expect(await intake.waitForSync(u, signal)).toBe(true);
  expect(asked).toEqual(['default u', 'default u']);
  expect(await intake.waitForSync(u, signal)).toBe(false);
  expect(asked.splice(0)).toHaveLength(3);
  expect(await intake.waitForSync(v, signal)).toBe(true);
  expect(asked).toEqual(['default v', 'offsite v']);
});
