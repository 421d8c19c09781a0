import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DovecotHost,
  type DovecotHostOptions,
  type DovecotVersion,
  dovecotProblem,
  runProgram,
  until,
} from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const user = 'ann@example.com';
const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');
const hosts: DovecotHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

const namespace: Readonly<Record<DovecotVersion, readonly string[]>> = {
  '2.3': [
    'mail_plugins = $mail_plugins virtual',
    ...[
      'namespace virtual {',
      '  prefix = Virtual/',
      '  separator = /',
      '  location = virtual:~/virtual',
      '}',
    ],
  ],
  '2.4': [
    ...['mail_plugins {', '  virtual = yes', '}'],
    ...['namespace virtual {', '  prefix = Virtual/', '  separator = /'],
    ...['  mail_driver = virtual', '  mail_path = ~/virtual', '}'],
  ],
};

/** Two hosts, on one of which the user has a virtual mailbox. */
async function startPair(
  version: DovecotVersion,
  options: Partial<DovecotHostOptions> = {},
): Promise<[DovecotHost, DovecotHost]> {
  const start = (name: string): Promise<DovecotHost> =>
    DovecotHost.start({ name, version, users: [user], dovecotLines: namespace[version], ...options });
  const [a, b] = await Promise.all([start('a'), start('b')]);
  hosts.push(a, b);
  const { mailFolder } = a.dovecot.place;
  const all = join(mailFolder, user, 'virtual/All');
  mkdirSync(all, { recursive: true });
  writeFileSync(join(all, 'dovecot-virtual'), '*\n  all\n');
  await a.dovecot.adopt(mailFolder);
  return [a, b];
}

const mailsOf = async (host: DovecotHost): Promise<number> => {
  const { status, stdout } = await host.dovecot.tryDoveadm([
    ...['-f', 'json', 'fetch', '-u', user, 'uid', 'mailbox', 'INBOX'],
  ]);
  return status === 0 ? (JSON.parse(stdout || '[]') as unknown[]).length : -1;
};

describe('a namespace with virtual mailboxes', () => {
  test.skipIf(dovecotProblem('2.3') !== undefined)(
    'is left out by itself where doveconf tells of it: Dovecot 2.3',
    async () => {
      const [a, b] = await startPair('2.3');
      await a.configure(b.dovecot.tcp);
      const bin = join(a.folder, 'bin');
      mkdirSync(bin);
      const doveconf = `#!/bin/sh\nPATH=/usr/bin:/bin exec doveconf -c ${a.dovecot.place.configFile} "$@"\n`;
      writeFileSync(join(bin, 'doveconf'), doveconf, { mode: 0o755 });
      a.dsyncd.start({ PATH: `${bin}:${process.env.PATH}` });
      await a.dsyncd.waitForLog((line) => line.includes('"msg":"ready"'));
      await a.dovecot.deliver(user, [mail]);
      await until('a sync has ended', () => a.syncs.length > 0);
      expect(a.syncs.map(({ outcome }) => outcome)).not.toContain('transient');
      await until('the mail is there', async () => (await mailsOf(b)) === 1);
    },
  );

  test.skipIf(dovecotProblem('2.4') !== undefined)(
    'is left out by the setting that the reason names: Dovecot 2.4',
    async () => {
      const [a, b] = await startPair('2.4');
      await a.startDsyncd(b.dovecot.tcp);
      await a.dovecot.deliver(user, [mail]);
      await until('the sync is refused', () => a.syncs.length > 0);
      expect(a.syncs[0]).toMatchObject({
        outcome: 'operator',
        code: 'DSYNCD_VIRTUAL',
        reason: expect.stringContaining('Virtual/All'),
        hint: expect.stringContaining('exclude_mailboxes'),
      });
      const file = join(a.folder, 'dsyncd.toml');
      const toml = readFileSync(file, 'utf8');
      writeFileSync(file, toml.replace('[dovecot]', '[dovecot]\nexclude_mailboxes = ["Virtual/*"]'));
      const before = a.syncs.length;
      a.dsyncd.signal('SIGHUP');
      await a.dsyncd.waitForLog((line) => line.includes('configuration reloaded'));
      await runProgram('dsyncadm', ['-c', file, 'replicator', 'replicate', user]);
      await until('it is done', () => a.syncs.slice(before).some(({ outcome }) => outcome === 'ok'));
      expect(await mailsOf(b)).toBe(1);
    },
  );
});
