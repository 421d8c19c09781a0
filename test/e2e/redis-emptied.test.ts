/** What status says when the Redis that holds the queue has lost it: never that all is well. */
import { join } from 'node:path';
import { createPair, type Host, RedisServer, until } from '@dsyncd/testkit';
import { beforeAll, expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, onCleanup, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const users = ['ann', 'bob', 'carl', 'dora'].map((name) => `${name}@example.com`);
const allIsWell = /everything is replicated \((\d+) users?\)/;

let redis: RedisServer;
let folder: string;
let a: Host;
let b: Host;

// Two hosts, all mail on both, and a queue that knows it; each test leaves it so.
beforeAll(async () => {
  folder = scratchFolder();
  redis = await RedisServer.start({ folder: join(folder, 'redis') });
  onCleanup(() => redis.end('SIGKILL'));
  ({ a, b } = await createPair({ folder, redis: [`url = ${JSON.stringify(redis.url)}`] }));
  await startHosts(a, b);
  for (const user of users) await deliver(a, user, 'first');
  for (const user of users) await untilInbox(b, user, 1);
  await untilWell(a);
}, 60_000);

/** Waits until status says that all is well, which it may only say of all users. */
async function untilWell(host: Host): Promise<void> {
  await until(
    'status says that all is replicated',
    async () => {
      const { code, stdout } = await host.admin('status');
      const said = allIsWell.exec(stdout)?.[1];
      if (said !== undefined || code === 0)
        expect({ code, users: said, stdout }).toMatchObject({ code: 0, users: String(users.length) });
      return code === 0;
    },
    { timeoutMs: 40_000 },
  );
}

test('emptied while dsyncd runs: a user who changes just then does not stand for all', async () => {
  redis.cli('FLUSHALL');
  await deliver(a, 'ann@example.com', 'second');
  await untilWell(a);
  await untilInbox(b, 'ann@example.com', 2);
}, 90_000);

test('emptied before dsyncd starts: everyone is known again before all is well', async () => {
  await a.program('dsyncd').end('SIGTERM');
  redis.cli('FLUSHALL');
  a.program('dsyncd').start();
  await untilWell(a);
}, 90_000);

test('away: changes wait on disk, and status and check say that nothing is known', async () => {
  await redis.end('SIGKILL');
  await deliver(a, 'bob@example.com', 'second');
  for (const command of ['status', 'check']) {
    const { code, stdout, stderr } = await a.admin(command);
    expect(code, stdout + stderr).not.toBe(0);
    expect(stdout + stderr).not.toMatch(/everything is replicated|nothing overdue/);
    expect(stdout + stderr, 'says why').toMatch(/redis/i);
  }
  await redis.start();
  await untilInbox(b, 'bob@example.com', 2);
  await untilWell(a);
}, 90_000);

test('made a replica of an empty master: nothing is known, which is said, until it is a master again', async () => {
  const master = await RedisServer.start({ folder: join(folder, 'master') });
  onCleanup(() => master.end('SIGKILL'));
  redis.cli('REPLICAOF', '127.0.0.1', String(master.port));
  await until('it is empty', () => redis.cli('DBSIZE') === '0');
  await deliver(a, 'ann@example.com', 'third');
  for (const command of ['status', 'check']) {
    const { code, stdout, stderr } = await a.admin(command);
    expect(code, stdout + stderr).not.toBe(0);
    expect(stdout + stderr).not.toMatch(/everything is replicated|nothing overdue/);
    expect(stdout + stderr, 'says why').toMatch(/read.?only|replica|Redis|no users are known/i);
  }
  redis.cli('REPLICAOF', 'NO', 'ONE');
  await untilWell(a);
  await untilInbox(b, 'ann@example.com', 3);
}, 90_000);
