// Run by hand: TRIALS=true npx vitest run --config test/tooling/vitest.config.ts --isolate
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeReplicationQueue } from '@dsyncd/queue/contract';
import { RedisServer } from '@dsyncd/testkit';
import { afterAll, beforeAll } from 'vitest';
import { BullMqQueue } from './bullmq-queue.ts';

const folder = mkdtempSync(join(tmpdir(), 'dsyncd-bullmq-'));
let server: RedisServer;
let backends = 0;
const realNow = Date.now;

beforeAll(async () => {
  server = await RedisServer.start({ folder });
});
afterAll(async () => {
  Date.now = realNow;
  await server.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describeReplicationQueue('BullMQ', async (options) => {
  // BullMQ reads the clock of its process.
  Date.now = () => options.clock.now();
  return new BullMqQueue({ ...options, url: server.url, backend: `t${++backends}` });
});
