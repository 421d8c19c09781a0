import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeReplicationQueue } from '@dsyncd/queue/contract';
import { RedisServer } from '@dsyncd/testkit';
import { afterAll, beforeAll } from 'vitest';
import { openRedisQueue } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'dsyncd-redis-'));
let server: RedisServer;
let backends = 0;

beforeAll(async () => {
  server = await RedisServer.start({ folder });
});
afterAll(async () => {
  await server.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describeReplicationQueue('the queue on Redis', (options) =>
  openRedisQueue({ ...options, url: server.url, backend: `test-${++backends}` }),
);
