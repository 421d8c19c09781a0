import { parseUserName, systemRandom } from '@dsyncd/core';
import { openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { beforeEach, expect, test } from 'vitest';
import { respellUsers, withOneSpelling } from '../src/index.ts';

let raw: ReplicationQueue;
let queue: ReplicationQueue;
const never = new AbortController().signal;

beforeEach(() => {
  raw = openMemoryQueue({
    clock: new VirtualClock(1_790_000_000_000),
    random: systemRandom,
    settings: { channels: ['default'], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
  });
  queue = withOneSpelling(raw, 'lower');
});

async function known(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { user, priority } of raw.userStatus('default', '*')) found[user] = priority;
  return found;
}

test('whoever names a user, there is one record', async () => {
  const user = parseUserName('Ann@X');
  await queue.add('default', [user]);
  await queue.request('default', [{ user, priority: 'low' }]);
  await queue.doubt('default', [user]);
  const batch = { channels: ['default'], names: ['ANN@x', 'bob@x'], priorities: Uint8Array.of(2, 1) };
  await queue.requestMany(batch);
  expect(batch.names).toEqual(['ANN@x', 'bob@x']);
  expect(await known()).toEqual({ 'ann@x': 'high', 'bob@x': 'low' });
  expect(await queue.replicate('default', 'ANN@*', { priority: 'sync', full: false })).toBe(1);
  expect(await queue.pauseUsers('default', 'Ann@x')).toBe(1);
  expect((await queue.userPage('default', { mask: 'A*', limit: 10 })).users).toHaveLength(1);
  expect(await queue.remove('default', user)).toBe(true);
  expect(await known()).toEqual({ 'bob@x': 'low' });
});

test('records of before get the one name, with what they wait for', async () => {
  const names = ['Ann@x', 'ann@x', 'Bob@x', 'cyd@x'].map(parseUserName);
  await raw.add('default', names);
  const [upper = '', , bob = ''] = names;
  await raw.request('default', [{ user: parseUserName(upper), priority: 'high' }]);
  await raw.pauseUsers('default', bob);

  expect(await respellUsers(raw, 'default', { format: 'lower', signal: never })).toBe(2);

  expect(await known()).toEqual({ 'ann@x': 'high', 'bob@x': 'low', 'cyd@x': 'none' });
  for await (const { paused } of raw.userStatus('default', 'bob@x')) expect(paused).toBe(true);
  expect(await respellUsers(raw, 'default', { format: 'lower', signal: never })).toBe(0);
});
