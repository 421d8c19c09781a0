import { join } from 'node:path';
import { DovecotHost, type DovecotVersion, dovecotProblem, runProgram, until } from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const users = ['ann@x.test', '-@x.test', '-joe@x.test', '.test@x.test', 'a/b@x.test'] as const;
const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');
const hosts: DovecotHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

async function start(name: string, version: DovecotVersion): Promise<DovecotHost> {
  // Dovecot takes a "/" where it is told to take everything.
  const host = await DovecotHost.start({ name, version, users, dovecotLines: ['auth_username_chars ='] });
  hosts.push(host);
  return host;
}

const mailsOf = async (host: DovecotHost, user: string): Promise<number> => {
  const { status, stdout } = await host.dovecot.tryDoveadm([
    ...['-f', 'json', 'fetch', '-u', user, 'uid', 'mailbox', 'INBOX'],
  ]);
  return status === 0 ? (JSON.parse(stdout || '[]') as unknown[]).length : -1;
};

describe.each(['2.3', '2.4'] as const)('Dovecot %s', (version) => {
  test.skipIf(dovecotProblem(version) !== undefined)(
    'replicates users whose names look like options, hidden files and paths',
    async () => {
      const [a, b] = await Promise.all([start('a', version), start('b', version)]);
      await a.startDsyncd(b.dovecot.tcp);
      for (const user of users) await a.dovecot.deliver(user, [mail]);
      for (const user of users)
        await until(`the mail of ${user} is there`, async () => (await mailsOf(b, user)) === 1);
      const status = await runProgram('dsyncadm', [
        '-c',
        join(a.folder, 'dsyncd.toml'),
        'replicator',
        'status',
        '*',
      ]);
      for (const user of users) expect(status.stdout).toContain(user);
    },
    90_000,
  );

  test.skipIf(dovecotProblem(version) !== undefined)(
    'knows a user by the name that Dovecot has, however it is written',
    async () => {
      const [a, b] = await Promise.all([start('a', version), start('b', version)]);
      await a.startDsyncd(b.dovecot.tcp);
      await a.dovecot.deliver('ann@x.test', [mail]);
      await until('the mail is there', async () => (await mailsOf(b, 'ann@x.test')) === 1);
      const replicator = async (...args: readonly string[]): Promise<string> =>
        (await runProgram('dsyncadm', ['-c', join(a.folder, 'dsyncd.toml'), 'replicator', ...args])).stdout;
      const before = a.syncs.length;
      await replicator('replicate', 'Ann@X.test');
      await until('the user was synced under the real name', async () =>
        a.syncs.slice(before).some(({ user, outcome }) => user === 'ann@x.test' && outcome === 'ok'),
      );
      await until(
        'the other name is forgotten',
        async () => !(await replicator('status', '*')).includes('Ann@X.test'),
      );
    },
    90_000,
  );
});
