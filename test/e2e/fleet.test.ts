import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  createPair,
  type Host,
  isFlawless,
  type Program,
  RedisServer,
  runScenario,
  SharedQueue,
  until,
} from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, onCleanup, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const ann = 'ann@example.com';
const users = ['ann', 'bob', 'carl', 'dora'].map((name) => `${name}@example.com`);

interface Fleet {
  readonly redis: RedisServer;
  readonly a: Host;
  readonly b: Host;
}

/** A pair of hosts whose queues are on one Redis. */
async function startFleet(settings: readonly string[] = []): Promise<Fleet> {
  const folder = scratchFolder();
  const redis = await RedisServer.start({ folder: join(folder, 'redis') });
  onCleanup(() => redis.end('SIGKILL'));
  const { a, b } = await createPair({ folder, settings, redis: [`url = ${JSON.stringify(redis.url)}`] });
  await startHosts(a, b);
  return { redis, a, b };
}

async function addReplicator(host: Host): Promise<Program> {
  const program = await host.addReplicator('second');
  program.start();
  await program.waitForLog((line) => line.includes('"msg":"ready"'));
  return program;
}

const says = (program: Program, text: string): boolean => program.lines.some((line) => line.includes(text));
const syncsOf = ({ log }: Program): number => log.filter(({ msg }) => msg === 'sync done').length;

test('mail is replicated, and the commands show the queue', async () => {
  const { a, b } = await startFleet();
  await deliver(a, ann, 'one');
  await untilInbox(b, ann, 1);
  const status = await a.admin('replicator', 'status', '*');
  expect(status.stdout).toContain(ann);
  expect(status.code).toBe(0);
});

test('while Redis is away mail is taken, notifications wait on disk, and all is replicated when it is back', async () => {
  const { redis, a, b } = await startFleet();
  await deliver(a, ann, 'before');
  await untilInbox(b, ann, 1);
  await redis.end('SIGKILL');
  for (const user of users) await deliver(a, user, 'during');
  const dsyncd = a.program('dsyncd');
  await until('it is said', () => says(dsyncd, 'notifications wait in the local spool'));
  // What is on disk survives the end of dsyncd, too.
  await dsyncd.end('SIGKILL');
  dsyncd.start();
  await until('it waits', () => says(dsyncd, 'waiting for it, notifications are kept'));
  await deliver(a, ann, 'without a queue');
  await redis.start();
  await untilInbox(b, ann, 3);
  for (const user of users.slice(1)) await untilInbox(b, user, 1);
}, 60_000);

test.each(['is gone', 'hangs'])(
  'SIGTERM ends dsyncd within 10 s while its Redis %s',
  async (how) => {
    const { redis, a, b } = await startFleet();
    await deliver(a, ann, 'before');
    await untilInbox(b, ann, 1);
    const dsyncd = a.program('dsyncd');
    if (how === 'hangs') redis.signal('SIGSTOP');
    else await redis.end('SIGKILL');
    for (const user of users) await deliver(a, user, 'during');
    await until('it is said', () => says(dsyncd, 'notifications wait in the local spool'));
    const stoppedAt = Date.now();
    expect(await dsyncd.end('SIGTERM')).toBe(0);
    expect(Date.now() - stoppedAt).toBeLessThan(10_000);
    if (how === 'hangs') redis.signal('SIGCONT');
    else await redis.start();
    await a.startProgram('dsyncd');
    await untilInbox(b, ann, 2);
  },
  60_000,
);

test('a Redis that comes back empty: everyone gets a full sync', async () => {
  const { redis, a, b } = await startFleet();
  for (const user of users) await deliver(a, user, 'first');
  for (const user of users) await untilInbox(b, user, 1);
  const dsyncd = a.program('dsyncd');
  await redis.end('SIGKILL');
  const before = dsyncd.log.length;
  rmSync(join(redis.folder, 'appendonlydir'), { recursive: true });
  await redis.start();
  await until('it is noticed', () => says(dsyncd, 'everyone gets a full sync'));
  await deliver(a, ann, 'second');
  await untilInbox(b, ann, 2);
  for (const user of users)
    await until(`${user} had a full sync`, () =>
      dsyncd.log
        .slice(before)
        .some((line) => line.user === user && line.msg === 'sync done' && line.type === 'full'),
    );
}, 60_000);

test('two replicators of a host share its work; one killed with kill -9 leaves nothing undone', async () => {
  // One worker each: a dsyncd with idle workers asks nobody for help.
  const { a, b } = await startFleet(['replication_max_conns = 1']);
  const second = await addReplicator(a);
  const first = a.program('dsyncd');
  let count = 0;
  await until('both have work', async () => {
    count++;
    await Promise.all(users.map((user) => deliver(a, user, `mail ${count}`)));
    return syncsOf(first) > 0 && syncsOf(second) > 0;
  });
  await first.end('SIGKILL');
  const killedAt = Date.now();
  count++;
  for (const user of users) await deliver(a, user, 'after');
  for (const user of users) await untilInbox(b, user, count);
  expect(Date.now() - killedAt).toBeLessThan(20_000);
  await until('it is buried', () => says(second, 'a replicator has vanished'));
}, 60_000);

test('the demonstration: mail changes on both hosts, one of two replicators dies, nothing is forgotten', async () => {
  const shared = await SharedQueue.start(scratchFolder());
  onCleanup(() => shared.stop());
  await shared.startPrograms();
  const meanwhile = shared.killOne.bind(shared);
  const result = await runScenario(shared.hosts, { kill: false, seed: 11, meanwhile }, () => {});
  const { lines, flaws } = await shared.report();
  expect(flaws).toEqual([]);
  expect(result.compared.filter((mailbox) => !mailbox.isEqual)).toEqual([]);
  expect(isFlawless(result)).toBe(true);
  expect(lines.join('\n')).toContain('kill -9');
}, 120_000);
