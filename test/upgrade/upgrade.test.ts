/**
 * Today's programs on what the previous release left behind: on host a they were killed while b was away, one user is
 * paused, a notification waits in the spool; on b they ended in order.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asUid, parseUserName } from '@dsyncd/core';
import { freePort, Host, until } from '@dsyncd/testkit';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  deliver,
  type LogLine,
  logOf,
  scratchFolder,
  startHosts,
  untilEqual,
  untilInbox,
} from '../e2e/support.ts';

cleanUpAfterTests();

interface RecordedMail {
  readonly uid: number;
  readonly [field: string]: unknown;
}
interface RecordedUser {
  readonly names: readonly object[];
  readonly states: readonly {
    readonly mailbox: string;
    readonly guid: string;
    readonly uidValidity: number;
  }[];
  readonly mailboxes: Readonly<
    Record<string, { readonly mails: readonly RecordedMail[]; readonly bodies: readonly string[] }>
  >;
}
interface QueuedUser {
  readonly username: string;
  readonly priority: string;
  readonly lastFullSyncAt: string | null;
  readonly lastSuccessAt: string | null;
}
type PerHost<Value> = Readonly<Record<'a' | 'b', Value>>;
interface Recorded {
  readonly queue: PerHost<readonly QueuedUser[]>;
  readonly mail: PerHost<Readonly<Record<string, RecordedUser>>>;
}

const [ann, bert, cyd] = ['ann@example.com', 'bert@example.com', 'cyd@example.com'] as const;
const states = readdirSync(import.meta.dirname).filter((name) => /^state-.*\.tar\.gz$/.test(name));

/** Unpacks the two hosts; the second folder keeps them as they were. */
async function unpack(archive: string): Promise<{ a: Host; b: Host; recorded: Recorded; untouched: string }> {
  const folder = scratchFolder();
  execFileSync('tar', [
    '--extract',
    '--no-same-owner',
    '--file',
    join(import.meta.dirname, archive),
    '-C',
    folder,
  ]);
  const untouched = scratchFolder();
  cpSync(folder, untouched, { recursive: true });
  const places: Record<string, string> = { '@FOLDER@': folder };
  for (const name of ['a', 'b', 'a-http', 'b-http']) places[`@PORT-${name}@`] = String(await freePort());
  const hostOf = (name: string): Host => {
    const file = join(folder, name, 'dsyncd.toml');
    let text = readFileSync(file, 'utf8');
    for (const [mark, value] of Object.entries(places)) text = text.replaceAll(mark, value);
    // The syncs of then were long ago: what is asked here is whether their states are still good.
    writeFileSync(file, `replication_full_sync_interval = "365d"\n${text}`);
    mkdirSync(join(folder, name, 'run'), { recursive: true });
    return new Host({
      hostname: `${name}.example.com`,
      folder: join(folder, name),
      channels: {},
      doveadm: { port: Number(places[`@PORT-${name}@`]), ssl: false },
      http: {
        port: Number(places[`@PORT-${name}-http@`]),
        token: readFileSync(join(folder, name, 'operate-token'), 'utf8').trim(),
      },
      secret: '',
    });
  };
  const recorded = JSON.parse(
    readFileSync(join(import.meta.dirname, archive.replace('.tar.gz', '.json')), 'utf8'),
  ) as Recorded;
  return { a: hostOf('a'), b: hostOf('b'), recorded, untouched };
}

async function json<Value>(host: Host, ...args: readonly string[]): Promise<Value> {
  const { stdout, stderr } = await host.admin(...args, '--json');
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Value;
}

const queueOf = (host: Host): Promise<readonly QueuedUser[]> => json(host, 'replicator', 'status', '*');

/** All that was recorded of a user's mail is there, in the fields that a script reads; newer mail may be, too. */
async function expectMail(host: Host, user: string, recorded: RecordedUser): Promise<void> {
  const mailboxes = Object.keys(recorded.mailboxes);
  const names = await json<readonly object[]>(host, 'mailbox', 'list', '-u', user);
  expect(names).toMatchObject(recorded.names.map(({ ...name }) => without(name, 'messages')));
  const lists = await Promise.all(
    mailboxes.map((mailbox) => json<RecordedMail[]>(host, 'mail', 'list', '-u', user, '-m', mailbox)),
  );
  for (const [index, mailbox] of mailboxes.entries()) {
    const then = recorded.mailboxes[mailbox]?.mails ?? [];
    const last = then.at(-1)?.uid ?? 0;
    expect(lists[index]?.filter(({ uid }) => uid <= last)).toMatchObject(then);
  }
  const store = host.openStore();
  try {
    const mail = await store.open(parseUserName(user));
    const { nodes } = await mail.tree();
    for (const { mailbox: path, guid, uidValidity } of recorded.states) {
      const status = nodes.find((node) => node.path.join('/') === path)?.mailbox;
      expect(status).toMatchObject({ guid, uidValidity });
      if (status === undefined) continue;
      const { mails = [], bodies = [] } = recorded.mailboxes[path] ?? {};
      const opened = await mail.mailbox(status.guid);
      for (const [index, { uid }] of mails.entries()) {
        const chunks: Buffer[] = [];
        for await (const chunk of await opened.body(asUid(uid))) chunks.push(chunk as Buffer);
        expect(Buffer.concat(chunks).toString()).toBe(bodies[index]);
      }
    }
    await mail.close();
  } finally {
    await store.close();
  }
}

function without(object: object, field: string): object {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== field));
}

/** What an older version goes by when it opens the file. */
function formatOf(file: string): object {
  const database = new Database(file);
  try {
    return {
      owner: database.pragma('application_id', { simple: true }),
      version: database.pragma('user_version', { simple: true }),
      tables: database
        .prepare(
          "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name",
        )
        .pluck()
        .all(),
    };
  } finally {
    database.close();
  }
}

describe.each(states)('%s', (archive) => {
  test('the mail is as it was, before any program has run', async () => {
    const { a, b, recorded } = await unpack(archive);
    for (const user of [ann, bert, cyd]) {
      await expectMail(a, user, recorded.mail.a[user] as RecordedUser);
      await expectMail(b, user, recorded.mail.b[user] as RecordedUser);
    }
  });

  test('users, requests and last syncs are known, and the replication goes on', async () => {
    const { a, b, recorded, untouched } = await unpack(archive);
    await startHosts(a);
    // b is still away: what waited, waits; the notification came out of the spool.
    await until('the spool is read', () => readdirSync(a.spoolDir).length === 0);
    const then = recorded.queue.a.map(({ username, lastFullSyncAt, lastSuccessAt }) => ({
      username,
      lastFullSyncAt,
      lastSuccessAt,
    }));
    expect(then.map(({ username }) => username)).toEqual([ann, bert, cyd]);
    const queued = await queueOf(a);
    expect(queued).toMatchObject(then);
    expect(queued.map(({ priority }) => priority)).toEqual(['high', 'high', 'high']);
    const { behind } = await json<{ behind: readonly { username: string; state: string }[] }>(a, 'status');
    expect(behind.find(({ username }) => username === cyd)?.state).toBe('paused');

    await startHosts(b);
    const [bertOnB] = recorded.queue.b;
    expect((await queueOf(b)).find(({ username }) => username === bert)).toMatchObject({
      lastFullSyncAt: bertOnB?.lastFullSyncAt,
    });
    await a.admin('replicator', 'replicate', ann);
    await untilInbox(b, ann, 4);
    await untilInbox(b, bert, 4);
    await untilEqual([a, b], ann);
    await untilEqual([a, b], bert);
    // The state that the last sync of the old release left was good enough for an incremental one.
    const synced = (user: string): LogLine | undefined =>
      logOf(a, 'dsyncd').find((line) => line.user === user && line.outcome === 'ok');
    await until('a has synced both', () => synced(ann) !== undefined && synced(bert) !== undefined);
    expect(synced(ann)).toMatchObject({ type: 'incremental' });
    expect(synced(bert)).toMatchObject({ type: 'incremental' });
    expect(synced(cyd)).toBeUndefined();
    const resumed = await fetch(`${a.http.url}/v1/resume`, {
      method: 'POST',
      headers: { authorization: `Bearer ${a.http.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ user: cyd }),
    });
    expect(resumed.status).toBe(200);
    await until('a has synced the user who was paused', () => synced(cyd) !== undefined);
    await untilEqual([a, b], cyd);
    await deliver(b, cyd, 'after the upgrade');
    await untilInbox(a, cyd, 6);
    for (const user of [ann, bert, cyd]) {
      await untilEqual([a, b], user);
      await expectMail(a, user, recorded.mail.a[user] as RecordedUser);
    }

    // The way back: what these programs wrote has the format that the old release knows.
    await a.stop();
    for (const file of [
      'state/queue.sqlite',
      ...[ann, bert, cyd].map((user) => `mail/${user}/dsyncd-index.sqlite`),
    ])
      expect(formatOf(join(a.folder, file)), file).toEqual(formatOf(join(untouched, 'a', file)));
  });
});
