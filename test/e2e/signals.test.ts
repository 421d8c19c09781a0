import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFleet, type Host, until } from '@dsyncd/testkit';
import { beforeAll, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  countInbox,
  deliver,
  logOf,
  scratchFolder,
  startHosts,
  statusOf,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

let a: Host;
let b: Host;
let c: Host;
let twoChannels: string;

beforeAll(async () => {
  ({ a, b, c } = await createFleet({
    folder: scratchFolder(),
    channels: {
      a: { default: { to: 'b' }, second: { to: 'c' } },
      b: { default: { to: 'a' } },
      c: { default: { to: 'a' } },
    },
  }));
  // Starts with one channel; the second is there after a reload.
  twoChannels = await readFile(a.configFile, 'utf8');
  const start = twoChannels.indexOf('[channels.second]');
  const end = twoChannels.indexOf('[listeners.doveadm]');
  await writeFile(a.configFile, twoChannels.slice(0, start) + twoChannels.slice(end));
  await startHosts(a, b, c);
});

const channelsOf = async (host: Host): Promise<string[]> =>
  (await statusOf(host)).channels.map(({ channel }) => channel);

test('SIGHUP takes up a new channel; users that are known already get there too', async () => {
  await deliver(a, 'hup@example.com', 'before');
  await untilInbox(b, 'hup@example.com', 1);
  expect(await channelsOf(a)).toEqual(['default']);
  await writeFile(a.configFile, twoChannels);
  expect(await a.reload('dsyncd')).toContain('"configuration reloaded"');
  expect((await channelsOf(a)).sort()).toEqual(['default', 'second']);
  await deliver(a, 'hup@example.com', 'after');
  await untilInbox(c, 'hup@example.com', 2);
  await untilInbox(b, 'hup@example.com', 2);
});

test('SIGHUP takes up a changed setting', async () => {
  const before = await a.admin('replicator', 'dsync-status');
  const workers = (text: string): number =>
    text.split('\n').filter((line) => line.includes('Not connected')).length;
  expect(workers(before.stdout)).toBe(10);
  const text = await readFile(a.configFile, 'utf8');
  await writeFile(a.configFile, `replication_max_conns = 3\n${text}`);
  expect(await a.reload('dsyncd')).toContain('"configuration reloaded"');
  await until(
    'three workers',
    async () => workers((await a.admin('replicator', 'dsync-status')).stdout) === 3,
  );
});

test('SIGHUP takes up files in conf.d, and keeps what runs when one of them gives a setting twice', async () => {
  const folder = join(a.folder, 'conf.d');
  await mkdir(folder);
  try {
    await writeFile(join(folder, '10-level.toml'), 'log_level = "debug"\n');
    expect(await a.reload('dsyncd')).toContain('"configuration reloaded"');
    expect((await a.admin('config', 'check')).stdout).toContain(`${folder}/10-level.toml are good`);
    await writeFile(join(folder, '20-more.toml'), '\nlog_level = "info"\n');
    const refused = `${folder}/20-more.toml:2: log_level is given twice: it is in ${folder}/10-level.toml:1 already`;
    expect(await a.reload('dsyncd')).toContain(refused);
    expect((await a.admin('config', 'check')).stderr).toContain(refused);
  } finally {
    await rm(folder, { recursive: true });
  }
  expect(await a.reload('dsyncd')).toContain('"configuration reloaded"');
});

test('a secret may be a credential of the unit', async () => {
  const before = await readFile(a.configFile, 'utf8');
  const credential = before.replace(/(doveadm_password_file = ).*/, '$1"credential:secret"');
  expect(credential).not.toBe(before);
  await a.stop();
  await writeFile(a.configFile, credential);
  try {
    // The folder of this host has a file "secret".
    const ready = [...a.programs.values()].map((program) => {
      const seen = program.lines.length;
      program.start({ CREDENTIALS_DIRECTORY: a.folder });
      return program.waitForLog((line) => line.includes('"msg":"ready"'), seen);
    });
    await Promise.all(ready);
    await deliver(b, 'credential@example.com', 'from b');
    await untilInbox(a, 'credential@example.com', 1);
    await deliver(a, 'credential@example.com', 'from a');
    await untilInbox(b, 'credential@example.com', 2);
  } finally {
    await a.stop();
    await writeFile(a.configFile, before);
    await a.start();
  }
});

test.each(['dsyncd', 'dsync-server', 'dsync-lmtp'] as const)(
  '%s keeps the present configuration when the new one is broken, and says why',
  async (program) => {
    const good = await readFile(a.configFile, 'utf8');
    await appendFile(a.configFile, '\n[channels.default2]\nmail_replicaa = "tcp:nowhere"\n');
    const line = await a.reload(program);
    expect(line).toContain('the present one stays in force');
    expect(line).toContain('mail_replica');
    await writeFile(a.configFile, good);
    const count = await countInbox(a, 'hup@example.com');
    await deliver(a, 'hup@example.com', `with the old settings of ${program}`);
    await untilInbox(b, 'hup@example.com', count + 1);
  },
);

test('SIGTERM ends every program within 10 s while syncs run, and nothing that was taken is lost', async () => {
  const users = Array.from({ length: 12 }, (_, number) => `term${number}@example.com`);
  await Promise.all(users.map((user) => deliver(a, user, 'in the middle')));
  await until('syncs run', () => logOf(a, 'dsyncd').some((line) => String(line.user).startsWith('term')));
  const startedAt = Date.now();
  const ends = await Promise.all(
    [...a.programs.values(), ...b.programs.values()].map((each) => each.end('SIGTERM')),
  );
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  expect(ends).toEqual(Array(6).fill(0));
  for (const host of [a, b])
    for (const program of ['dsyncd', 'dsync-server', 'dsync-lmtp'] as const)
      expect(logOf(host, program).at(-1)).toMatchObject({ msg: 'stopped' });
  await Promise.all([a.start(), b.start()]);
  for (const user of users) await untilInbox(b, user, 1);
});
