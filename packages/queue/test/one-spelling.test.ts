import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, silentLogger, systemRandom, type UsernameFormat } from '@dsyncd/core';
import { expect, onTestFinished, test } from 'vitest';
import { VirtualClock } from '../src/contract/index.ts';
import { openSqliteQueue, type ReplicationQueue } from '../src/index.ts';

const never = new AbortController().signal;

test('records of before get the one name, with what they wait for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spelling-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const open = (usernameFormat: UsernameFormat): Promise<ReplicationQueue> =>
    openSqliteQueue({
      file: join(folder, 'queue.sqlite'),
      clock: new VirtualClock(1_790_000_000_000),
      random: systemRandom,
      logger: silentLogger,
      settings: {
        channels: ['default'],
        usernameFormat,
        fullSyncIntervalMs: 86_400_000,
        failureResyncIntervalMs: 300_000,
      },
    });
  const before = await open('as-is');
  await before.add(
    'default',
    ['Ann@x', 'ann@x', 'Bob@x', 'cyd@x'].map((name) => parseUserName(name)),
  );
  await before.request('default', [{ user: parseUserName('Ann@x'), priority: 'high' }]);
  await before.pauseUsers('default', 'Bob@x');
  await before.close();

  const queue = await open('lower');
  onTestFinished(() => queue.close());
  expect(await queue.respell('default', never)).toBe(2);

  const priorities: Record<string, string> = {};
  for await (const { user, priority } of queue.userStatus('default', '*')) priorities[user] = priority;
  expect(priorities).toEqual({ 'ann@x': 'high', 'bob@x': 'low', 'cyd@x': 'none' });
  for await (const { paused } of queue.userStatus('default', 'bob@x')) expect(paused).toBe(true);
  expect(await queue.respell('default', never)).toBe(0);
});
