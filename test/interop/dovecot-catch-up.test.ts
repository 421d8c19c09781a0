import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DovecotHost, type DovecotHostOptions, dovecotProblem, until } from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const users = ['ann@example.com', 'bob@example.com', 'cyd@example.com'] as const;
const [ann, bob, cyd] = users;
const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');
const hosts: DovecotHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

async function startPair(options: Partial<DovecotHostOptions> = {}): Promise<[DovecotHost, DovecotHost]> {
  const start = (name: string): Promise<DovecotHost> =>
    DovecotHost.start({ name, version: '2.3', users, holdsFifo: false, ...options });
  const [a, b] = await Promise.all([start('a'), start('b')]);
  hosts.push(a, b);
  await a.startDsyncd(b.dovecot.tcp);
  await b.startDsyncd(a.dovecot.tcp);
  return [a, b];
}

/** Flags of the mails in INBOX; undefined while Dovecot is too busy to tell. */
async function inbox(host: DovecotHost, user: string): Promise<string[] | undefined> {
  const { status, stdout } = await host.dovecot.tryDoveadm([
    ...['-f', 'json', 'fetch', '-u', user, 'flags', 'mailbox', 'INBOX'],
  ]);
  if (status !== 0) return undefined;
  return (JSON.parse(stdout || '[]') as { flags: string }[]).map(({ flags }) =>
    flags.replace('\\Recent', '').trim(),
  );
}

/** Everyone has a mail that is on both hosts, and dsyncd is at rest. */
async function settle(a: DovecotHost, b: DovecotHost): Promise<void> {
  for (const user of users) {
    await a.dovecot.deliver(user, [mail]);
    await until('the mail is there', async () => (await inbox(b, user))?.length === 1);
  }
  await until('all is done', async () => {
    const { stdout } = await a.dovecot.tryDoveadm(['replicator', 'status']);
    return !/requests +[1-9]/.test(stdout);
  });
}

/** Waits until there were no syncs for several scans. */
async function untilQuiet(...both: readonly DovecotHost[]): Promise<void> {
  const count = (): number => both.reduce((sum, host) => sum + host.syncs.length, 0);
  let [seen, since] = [count(), Date.now()];
  await until(
    'no more syncs for several scans',
    () => {
      if (count() !== seen) [seen, since] = [count(), Date.now()];
      return Date.now() - since > 5_000;
    },
    { timeoutMs: 40_000 },
  );
}

const syncsOf = (host: DovecotHost, user: string, from: number): number =>
  host.syncs.slice(from).filter((sync) => sync.user === user).length;

describe.skipIf(dovecotProblem('2.3') !== undefined)('Dovecot 2.3', () => {
  test.each([
    ['stops in order', 'SIGTERM'],
    ['is killed', 'SIGKILL'],
  ] as const)('what changed while dsyncd was not there arrives after the start: it %s', async (_, signal) => {
    const [a, b] = await startPair();
    await settle(a, b);
    await a.dsyncd.end(signal);
    const before = a.syncs.length;
    await a.dovecot.deliver(ann, [mail]);
    await a.dovecot.doveadm(['flags', 'add', '-u', bob, '\\Flagged', 'mailbox', 'INBOX', 'uid', '1']);
    await a.startDsyncd(b.dovecot.tcp);
    await until('the mail is there', async () => (await inbox(b, ann))?.length === 2);
    await until('the flag is there', async () => (await inbox(b, bob))?.[0] === '\\Flagged');
    // One that was killed may have taken what came in its last seconds, and not stored it.
    if (signal === 'SIGTERM') expect(syncsOf(a, cyd, before)).toBe(0);
  });

  test('whose index files dsyncd cannot see is synced, too', async () => {
    const empty = '/var/empty/no-index/%{user}';
    const [a, b] = await startPair({ dovecotSettings: [`mail_index_path = "${empty}"`] });
    await settle(a, b);
    await a.dsyncd.end('SIGTERM');
    await a.dovecot.deliver(ann, [mail]);
    const before = a.syncs.length;
    await a.startDsyncd(b.dovecot.tcp);
    await until('the mail is there', async () => (await inbox(b, ann))?.length === 2);
    await until('everyone was synced', () => users.every((user) => syncsOf(a, user, before) > 0));
  });

  test('a session that nobody hears of, and what it changes, is found by the scan', async () => {
    const [a, b] = await startPair({ dovecotSettings: ['scan_interval = "1s"'] });
    await settle(a, b);
    // A scan may look once more at whose mail came just before it.
    await untilQuiet(a, b);
    // As a mail process sees it that met a FIFO without a reader: it tells nothing any more.
    const fifo = join(a.dovecot.place.folder, 'run', 'replication-notify-fifo');
    await rm(fifo);
    await mkdir(fifo);
    const before = a.syncs.length;
    await a.dovecot.doveadm(['flags', 'add', '-u', ann, '\\Flagged', 'mailbox', 'INBOX', 'uid', '1']);
    await until('the flag is there', async () => (await inbox(b, ann))?.[0] === '\\Flagged');
    expect(syncsOf(a, cyd, before)).toBe(0);
    // What the sync wrote is no reason for another, here and there.
    await untilQuiet(a, b);
  });
});
