// Run by hand, as contract.trial.ts: both queues in one run, on the same Redis.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import { contractSettings } from '@dsyncd/queue/contract';
import { RedisServer } from '@dsyncd/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { openRedisQueue } from '../../src/index.ts';
import { BullMqQueue } from './bullmq-queue.ts';

const users = Array.from({ length: 10_000 }, (_, index) => parseUserName(`user${index}@example.com`));
const workers = 10;
const ms = 10_000;

async function jobsASecond(queue: ReplicationQueue): Promise<{ fill: number; jobs: number }> {
  const fillStarted = performance.now();
  for (let start = 0; start < users.length; start += 1_000) {
    const names = users.slice(start, start + 1_000);
    await queue.requestMany({ channels: ['default'], names, priorities: new Uint8Array(1_000).fill(1) });
  }
  const fill = (users.length * 1000) / (performance.now() - fillStarted);
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), ms);
  const { signal } = over;
  const startedAt = performance.now();
  let count = 0;
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const claim = await queue.claim(signal);
      if (claim === undefined) return;
      await queue.complete(claim, { outcome: 'ok', full: true, state: 'A'.repeat(200) });
      if (++count >= users.length) over.abort();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  clearTimeout(timer);
  return { fill, jobs: (count * 1000) / (performance.now() - startedAt) };
}

test('speed', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-bullmq-'));
  const server = await RedisServer.start({ folder, args: ['--appendfsync', 'everysec'] });
  onTestFinished(async () => {
    await server.end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const common = { url: server.url, clock: systemClock, random: systemRandom, settings: contractSettings };
  const figures: string[] = [];
  for (let round = 0; round < 3; round++) {
    const ours = await openRedisQueue({ ...common, backend: `ours${round}` });
    const own = await jobsASecond(ours);
    await ours.close();
    const bull = new BullMqQueue({ ...common, backend: `bull${round}` });
    const other = await jobsASecond(bull);
    await bull.close();
    figures.push(
      `ours ${own.jobs.toFixed(0)} jobs/s, ${own.fill.toFixed(0)} requests/s; BullMQ ${other.jobs.toFixed(0)} jobs/s, ${other.fill.toFixed(0)} requests/s`,
    );
  }
  process.stdout.write(`${figures.join('\n')}\n`);
  expect(figures).toHaveLength(3);
});
