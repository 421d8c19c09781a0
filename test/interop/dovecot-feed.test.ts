import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DovecotHost, dovecotProblem, until } from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const [ann, bob] = ['ann@example.com', 'bob@example.com'] as const;
const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(name: string, settings: readonly string[] = []): Promise<DovecotHost> {
  const host = await DovecotHost.start({ name, version: '2.3', users: [ann, bob], settings });
  cleanups.push(() => host.stop());
  return host;
}

describe.skipIf(dovecotProblem('2.3') !== undefined)('Dovecot 2.3', () => {
  test('a consumer gets whose mail the other host has changed, with the sync that brings it here', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dovecot-feed-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const [script, taken] = [join(folder, 'consumer.sh'), join(folder, 'taken')];
    writeFileSync(script, `#!/bin/sh\ncat >>"${taken}"\n`, { mode: 0o755 });
    chmodSync(folder, 0o777);
    const takenUsers = (): string[] =>
      existsSync(taken) ? readFileSync(taken, 'utf8').trim().split('\n') : [];

    const a = await start('a');
    const b = await start('b', ['[consumers.index]', `command = ["${script}"]`, 'delay = "0"']);
    await a.startDsyncd(b.dovecot.tcp);
    await b.startDsyncd(a.dovecot.tcp);
    // Everybody first.
    await until('it has all users', () => [ann, bob].every((user) => takenUsers().includes(user)));
    await a.dovecot.deliver(ann, [mail]);
    await until('the mail is there', async () => (await countOf(b, ann)) === 1);
    for (const host of [a, b])
      await until('all first syncs are done', async () => {
        const { stdout } = await host.dovecot.tryDoveadm(['replicator', 'status']);
        return !/requests +[1-9]/.test(stdout);
      });

    writeFileSync(taken, '');
    await a.dovecot.doveadm(['flags', 'add', '-u', ann, '\\Flagged', 'mailbox', 'INBOX', 'uid', '1']);
    await until('the flag is here', async () => (await flagsOf(b, ann)).includes('\\Flagged'));
    // Dovecot notifies nobody of what a sync brought in: the next sync that this host leads does.
    await b.dovecot.doveadm(['replicator', 'replicate', ann]);
    await until('ann is given to it', () => takenUsers().includes(ann));
    expect(takenUsers()).not.toContain(bob);
  });
});

async function flagsOf(host: DovecotHost, user: string): Promise<string> {
  return (await host.dovecot.tryDoveadm(['fetch', '-u', user, 'flags', 'mailbox', 'INBOX'])).stdout;
}

async function countOf(host: DovecotHost, user: string): Promise<number> {
  const { status, stdout } = await host.dovecot.tryDoveadm([
    ...['-f', 'json', 'fetch', '-u', user, 'uid', 'mailbox', 'INBOX'],
  ]);
  return status === 0 ? (JSON.parse(stdout || '[]') as unknown[]).length : 0;
}
