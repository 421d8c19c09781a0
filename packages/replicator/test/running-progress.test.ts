import {
  type LogFields,
  type Logger,
  noCounts,
  parseUserName,
  silentLogger,
  systemRandom,
} from '@dsyncd/core';
import type { SyncWatch } from '@dsyncd/engine';
import { openMemoryQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { expect, it } from 'vitest';
import { RunningProgress } from '../src/index.ts';

it('tells how far a sync is, whoever asks and once a minute in the log, until it ends', async () => {
  const clock = new VirtualClock(1_790_000_000_000);
  const settings = {
    channels: ['default'],
    fullSyncIntervalMs: 86_400_000,
    failureResyncIntervalMs: 300_000,
  };
  const queue = openMemoryQueue({ clock, random: systemRandom, settings });
  await queue.request('default', [{ user: parseUserName('ann@example.com'), priority: 'high' }]);
  const claim = await queue.claim(AbortSignal.timeout(5_000));
  if (claim === undefined) throw new Error('nothing to claim');
  const told: LogFields[] = [];
  const logger: Logger = { ...silentLogger, info: (fields) => told.push(fields) };

  const progress = new RunningProgress(clock, logger);
  const watch: SyncWatch = {};
  progress.began(claim, watch);
  expect(progress.of('default', 'ann@example.com')).toBeUndefined();
  const counts = { ...noCounts };
  const mailboxes = { done: 0, total: 0 };
  watch.progress = { counts, mailboxes };
  Object.assign(counts, { mailsReceived: 3, mailsSent: 4, bytesReceived: 100, bytesSent: 20 });
  expect(progress.of('default', 'ann@example.com')).toEqual({ mails: 7, bytes: 120 });
  Object.assign(mailboxes, { done: 2, total: 3_000 });
  expect(progress.of('default', 'ann@example.com')).toMatchObject({
    mailboxesDone: 2,
    mailboxesTotal: 3_000,
  });
  clock.advance(120_000);
  expect(told).toHaveLength(2);
  expect(told[1]).toMatchObject({
    user: 'ann@example.com',
    durationMs: 120_000,
    mailsReceived: 3,
    mailboxes,
  });
  progress.ended(claim);
  clock.advance(120_000);
  expect(told).toHaveLength(2);
  expect(progress.of('default', 'ann@example.com')).toBeUndefined();
  await queue.close();
});
