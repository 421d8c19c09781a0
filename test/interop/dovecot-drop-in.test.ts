import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DovecotHost, type DovecotHostOptions, dovecotProblem, programFile, until } from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const users = ['ann@example.com', 'bob@example.com'];
const problem = dovecotProblem('2.3');
const hosts: DovecotHost[] = [];

const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

async function startHost(name: string, options: Partial<DovecotHostOptions> = {}): Promise<DovecotHost> {
  const host = await DovecotHost.start({ name, version: '2.3', users, ...options });
  hosts.push(host);
  return host;
}

async function startPair(options: Partial<DovecotHostOptions> = {}): Promise<[DovecotHost, DovecotHost]> {
  const [a, b] = await Promise.all([startHost('a', options), startHost('b')]);
  await a.startDsyncd(b.dovecot.tcp);
  await b.startDsyncd(a.dovecot.tcp);
  for (const { dovecot } of [a, b])
    await until('both users are known', async () => (await statusOf(dovecot)).size === 2);
  return [a, b];
}

type Dovecot = DovecotHost['dovecot'];

/** Rows of stock `doveadm replicator status '*'` by user. */
async function statusOf(dovecot: Dovecot, mask = '*'): Promise<Map<string, string[]>> {
  const [, ...rows] = (await dovecot.doveadm(['replicator', 'status', mask])).trimEnd().split('\n');
  return new Map(rows.map((row) => row.trim().split(/ +/)).map(([user = '', ...rest]) => [user, rest]));
}

/** -1 while Dovecot is too busy making the mailbox to tell. */
const mailsOf = async (host: DovecotHost, user: string): Promise<number> => {
  const { status, stdout } = await host.dovecot.tryDoveadm([
    ...['-f', 'json', 'fetch', '-u', user, 'uid', 'mailbox', 'INBOX'],
  ]);
  return status === 0 ? (JSON.parse(stdout || '[]') as unknown[]).length : -1;
};

const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');

describe.skipIf(problem !== undefined)('dsyncd in the place of the replicator of Dovecot 2.3', () => {
  test('stock doveadm replicator works on it', async () => {
    const [{ dovecot }] = await startPair();
    const replicator = (...args: string[]): ReturnType<Dovecot['tryDoveadm']> =>
      dovecot.tryDoveadm(['replicator', ...args]);
    const overview = (await replicator('status')).stdout;
    expect(overview.split('\n').map((line) => line.trimEnd().replace(/ +/g, ' '))).toEqual([
      "Queued 'sync' requests 0",
      "Queued 'high' requests 0",
      "Queued 'low' requests 0",
      "Queued 'failed' requests 0",
      "Queued 'full resync' requests 0",
      "Waiting 'failed' requests 0",
      'Total number of known users 2',
      '',
    ]);
    expect((await replicator('status', '*')).stdout).toMatch(
      /^username +priority fast sync +full sync +success sync +failed/,
    );
    expect((await replicator('dsync-status')).stdout.match(/Not connected/g)).toHaveLength(10);
    expect(await replicator('replicate', '-p', 'high', '*')).toMatchObject({
      status: 0,
      stdout: '2 users updated\n',
    });
    await until('both are synced', async () =>
      [...(await statusOf(dovecot)).values()].every(
        ([priority, fast]) => priority === 'none' && fast !== '-',
      ),
    );
    expect(await replicator('remove', 'ann@example.com')).toMatchObject({ status: 0 });
    expect([...(await statusOf(dovecot)).keys()]).toEqual(['bob@example.com']);
    expect((await replicator('remove', 'zoe@example.com')).stderr).toContain('User not found');
    expect(await replicator('add', 'ann@*')).toMatchObject({ status: 0, stderr: '' });
    expect((await statusOf(dovecot)).size).toBe(2);
  });

  test('understands what a dsync of the other side tells it', async () => {
    const [a, b] = await startPair();
    await b.dovecot.doveadm(['replicator', 'remove', 'ann@example.com']);
    // -U is what the replicator of 2.3 passes: the other side then sends NOTIFY to its replicator.
    await a.dovecot.doveadm(['sync', '-U', '-u', 'ann@example.com', '-l', '10', '-s', '', b.dovecot.tcp]);
    await until('the user is known', async () => (await statusOf(b.dovecot)).has('ann@example.com'));
    expect(b.dovecot.log()).not.toMatch(/replicator.*(failed|error)/i);
  });

  test('LMTP with replication_sync_timeout answers when the mail is on the other host', async () => {
    const [a, b] = await startPair({ notifySettings: ['  replication_sync_timeout = 10'] });
    for (let count = 1; count <= 5; count++) {
      await a.dovecot.deliver('ann@example.com', [mail]);
      expect(await mailsOf(b, 'ann@example.com')).toBe(count);
    }
    expect(a.dovecot.log()).not.toContain('Sync failure');
  });

  test('LMTP does not wait longer than that, and the mail follows when the other host is back', async () => {
    const a = await startHost('a', { notifySettings: ['  replication_sync_timeout = 1'] });
    const b = await startHost('b');
    await a.startDsyncd('tcp:127.0.0.1:1');
    const startedAt = Date.now();
    await a.dovecot.deliver('ann@example.com', [mail]);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    await until(
      'the failure is shown',
      async () => (await statusOf(a.dovecot)).get('ann@example.com')?.at(-1) === 'y',
    );
    await a.configure(b.dovecot.tcp);
    process.kill(a.dsyncd.pid ?? 0, 'SIGHUP');
    await until('the mail is there', async () => (await mailsOf(b, 'ann@example.com')) === 1, {
      timeoutMs: 30_000,
    });
  });

  test('makes its sockets in the folder of Dovecot, and gives commands over TCP with the secret', async () => {
    const a = await startHost('a');
    const b = await startHost('b');
    await a.configure(b.dovecot.tcp);
    const { folder, doveadmPort } = a.dovecot.place;
    const run = join(folder, 'run');
    for (const name of ['replication-notify-fifo', 'replication-notify', 'replicator-doveadm'])
      await rm(join(run, name));
    const file = join(a.folder, 'dsyncd.toml');
    const toml = (await readFile(file, 'utf8'))
      .replaceAll(/^\[listeners\..*$/gm, `$&\ndir = ${JSON.stringify(run)}`)
      .replace(/^doveadm_socket_path.*$/m, `doveadm_socket_path = "127.0.0.1:${doveadmPort}"`);
    await writeFile(file, toml);
    a.dsyncd.start();
    await until(
      'it is there',
      async () => (await a.dovecot.tryDoveadm(['replicator', 'status'])).status === 0,
    );
    await a.dovecot.deliver('bob@example.com', [mail]);
    await until('the mail is there', async () => (await mailsOf(b, 'bob@example.com')) === 1);
  });

  test('notifications survive that dsyncd is down; a Dovecot that restarts is found again', async () => {
    const [a, b] = await startPair();
    await a.dsyncd.end('SIGKILL');
    await a.startDsyncd(b.dovecot.tcp);
    await a.dovecot.doveadm(['reload']);
    await a.dovecot.deliver('bob@example.com', [mail]);
    await until('the mail is there', async () => (await mailsOf(b, 'bob@example.com')) === 1);
  });
});

/** For the rest of the test. */
async function startAsMailUser(host: DovecotHost): Promise<() => string> {
  const child = spawn(process.execPath, [programFile('dsyncd'), '-c', join(host.folder, 'dsyncd.toml')], {
    ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  await until('dsyncd is ready', () => {
    if (child.exitCode !== null) throw new Error(log);
    return log.includes('"ready"');
  });
  return () => log;
}

describe.each(['2.3', '2.4'] as const)('Dovecot %s', (version) => {
  test.skipIf(dovecotProblem(version) !== undefined)(
    'and dsyncd as the mail user, without any right of root, with the configuration that we ship',
    async () => {
      const a = await startHost('a', { version });
      const b = await startHost('b', { version });
      await a.configure(b.dovecot.tcp);
      const log = await startAsMailUser(a);
      await a.dovecot.deliver('ann@example.com', [mail]);
      await until('the mail is there', async () => (await mailsOf(b, 'ann@example.com')) === 1).catch(
        (error: unknown) => {
          throw new Error(log(), { cause: error });
        },
      );
      for (const name of ['dsyncd-doveadm', 'dsyncd-userdb'])
        expect((await stat(join(a.dovecot.place.folder, 'run', name))).mode & 0o777).toBe(0o600);
    },
  );
});

describe.skipIf(problem !== undefined)('the users of Dovecot', () => {
  test('masks, UID and noreplicate decide who is replicated, mail_replica where to', async () => {
    const b = await startHost('b');
    const a = await startHost('a', {
      users: ['ann@example.com', 'bob@example.com', 'old@test', 'low@example.com'],
      dovecotSettings: ['user_exclude = ["*@test"]', 'first_valid_uid = 1000'],
    });
    const line = (user: string, uid: number, extra: string): string =>
      `${user}:{PLAIN}x:${uid}:65534::${a.dovecot.place.mailFolder}/${user}::${extra}\n`;
    const before = await readFile(a.dovecot.place.usersFile, 'utf8');
    const others = before.split('\n').filter((text) => !/^(bob|low|ann)@/.test(text));
    await writeFile(
      a.dovecot.place.usersFile,
      [
        others.join('\n'),
        line('bob@example.com', 65_534, 'userdb_noreplicate=y'),
        line('low@example.com', 7, ''),
        line('ann@example.com', 65_534, `userdb_mail_replica=${b.dovecot.tcp}`),
      ].join(''),
    );
    await a.configure('tcp:127.0.0.1:1');
    const file = join(a.folder, 'dsyncd.toml');
    const toml = await readFile(file, 'utf8');
    await writeFile(file, toml.replace('# mail_replica_field', 'mail_replica_field'));
    a.dsyncd.start();
    await until('dsyncd lists', async () =>
      (await a.dovecot.tryDoveadm(['replicator', 'status', '*'])).stdout.includes('ann@example.com'),
    );
    // The first sync of the others, which comes at once, finds that they are not to be replicated.
    expect((await statusOf(a.dovecot)).has('old@test')).toBe(false);
    await a.dovecot.doveadm(['replicator', 'replicate', '*']);
    await until(
      'only ann is left',
      async () => [...(await statusOf(a.dovecot)).keys()].join() === 'ann@example.com',
    );
    await a.dovecot.deliver('ann@example.com', [mail]);
    await until('the mail is there', async () => (await mailsOf(b, 'ann@example.com')) === 1);
  });

  test('new ones come, vanished ones go after their time', async () => {
    const a = await startHost('a', {
      dovecotSettings: ['user_refresh_interval = "1s"', 'user_grace_time = "2s"'],
    });
    await a.configure('tcp:127.0.0.1:1');
    a.dsyncd.start();
    const known = async (): Promise<string> => {
      const { status } = await a.dovecot.tryDoveadm(['replicator', 'status', '*']);
      return status === 0 ? [...(await statusOf(a.dovecot)).keys()].sort().join() : '';
    };
    await until('both', async () => (await known()) === 'ann@example.com,bob@example.com');
    await appendFile(
      a.dovecot.place.usersFile,
      `cyd@example.com:{PLAIN}x:65534:65534::${a.dovecot.place.mailFolder}/cyd::\n`,
    );
    await until('the new one', async () => (await known()).includes('cyd'));
    const text = await readFile(a.dovecot.place.usersFile, 'utf8');
    await writeFile(a.dovecot.place.usersFile, text.replace(/^bob@.*\n/m, ''));
    await until('the old one has gone', async () => (await known()) === 'ann@example.com,cyd@example.com');
    // A userdb that is empty at once is broken: no one is forgotten.
    await writeFile(a.dovecot.place.usersFile, '');
    await a.dsyncd.waitForLog((log) => log.includes('the list of users is empty'));
  });
});
