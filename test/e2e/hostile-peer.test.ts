import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asMailboxGuid, asModSeq, asUid, asUidValidity } from '@dsyncd/core';
import type { DsyncStream, MailboxHeader, Received, TreeNode } from '@dsyncd/protocol';
import {
  createFleet,
  type Host,
  type ScriptedPeer,
  type SyncScript,
  startScriptedPeer,
  until,
} from '@dsyncd/testkit';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  countInbox,
  deliver,
  failuresOf,
  onCleanup,
  scratchFolder,
  startHosts,
  statusOf,
  untilFailed,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

/** What the peer of channel `evil` does; set by each test. */
let script: SyncScript = async () => {};
let evil: ScriptedPeer;
let a: Host;
let b: Host;

beforeAll(async () => {
  const fleet = await createFleet({
    folder: scratchFolder(),
    ssl: false,
    channels: { a: { good: { to: 'b' } }, b: {} },
  });
  ({ a, b } = fleet);
  evil = await startScriptedPeer(readFileSync(join(a.folder, 'secret'), 'utf8').trim(), (...args) =>
    script(...args),
  );
  onCleanup(() => evil.stop());
  const good = /^mail_replica = "(.*)"$/m.exec(readFileSync(a.configFile, 'utf8'))?.[1] ?? '';
  await a.configure({
    channels: { good: { replica: good }, evil: { replica: `tcp:127.0.0.1:${evil.port}` } },
  });
  await startHosts(a, b);
});

const guid = asMailboxGuid('0123456789abcdef0123456789abcdef');

const node = (path: readonly string[]): TreeNode => ({
  type: 'node',
  path,
  existence: 'exists',
  guid,
  uidValidity: asUidValidity(1),
  uidNext: asUid(1),
  lastRenamedOrCreated: 1,
  subscribed: false,
  lastSubscriptionChange: 0,
});

const header = (of: MailboxHeader['guid'], messagesCount: number): MailboxHeader => ({
  type: 'mailbox',
  guid: of,
  uidValidity: asUidValidity(1),
  uidNext: asUid(messagesCount + 1),
  messagesCount,
  firstRecentUid: asUid(1),
  highestModSeq: asModSeq(messagesCount + 1),
  highestPvtModSeq: asModSeq(0),
  lost: false,
  ignored: false,
  haveGuids: true,
  haveSaveGuids: true,
  haveOnlyGuid128: false,
  ignoreState: false,
});

/** Shakes hands and tells a tree of one mailbox, as far as a peer is to behave. */
async function greet(stream: DsyncStream, path: readonly string[]): Promise<void> {
  // Greater than the other host's name: that one locks first, and sends its tree first.
  await stream.send({ type: 'handshake', hostname: 'evil.example.com', features: [] });
  await stream.flush();
  await receiveUntil(stream, 'handshake');
  await receiveUntil(stream, 'deletes');
  await stream.send(node(path));
  await stream.sendEnd();
  await stream.send({
    type: 'deletes',
    hierarchySeparator: '/',
    escapeCharacter: '',
    mailboxes: [],
    directories: [],
    unsubscribes: [],
    givenUp: [],
  });
  await stream.flush();
}

/** The next item of that type; what comes before it is skipped. */
async function receiveUntil<Type extends Received['type']>(
  stream: DsyncStream,
  type: Type,
): Promise<Received & { readonly type: Type }> {
  for (;;) {
    const item = await stream.receive();
    if (item.type === type) return item as Received & { readonly type: Type };
  }
}

/** Has no mails in any mailbox, and ends the sync in order. */
async function finish(stream: DsyncStream): Promise<void> {
  for (let item = await stream.receive(); item.type === 'mailbox'; item = await stream.receive()) {
    await stream.send({ ...header(item.guid, 0), lost: true });
    await stream.flush();
  }
  await stream.send({ type: 'finish', requireFullResync: false });
  await stream.flush();
}

/** Until the other side hangs up. */
const linger = async (stream: DsyncStream): Promise<void> => {
  try {
    for (;;) await stream.receive();
  } catch {
    // It did.
  }
};

const endlessMails = async (stream: DsyncStream): Promise<void> => {
  const changes = { modSeq: asModSeq(1), pvtModSeq: asModSeq(0), addFlags: 0, removeFlags: 0, finalFlags: 0 };
  for (let uid = 1; uid <= 10_000_000; uid++)
    await stream.send({
      ...changes,
      type: 'change',
      kind: 'save',
      uid: asUid(uid),
      guid: uid.toString(16).padStart(32, '0'),
      keywordsReset: false,
      keywords: [],
    });
};

interface Misbehaviour {
  readonly what: string;
  readonly code: string;
  readonly why: RegExp;
  readonly play: SyncScript;
}

const misbehaviours: readonly Misbehaviour[] = [
  {
    what: 'sends garbage',
    code: 'DSYNCD_PROTOCOL',
    why: /does not speak dsync/,
    play: async (_user, _stream, link) => {
      await link.write('GET / HTTP/1.1\r\n\r\n');
      await linger(_stream);
    },
  },
  {
    what: 'stops in the middle',
    code: 'DSYNCD_LINK_LOST',
    why: /ended the connection/,
    play: async (_user, stream) => greet(stream, ['INBOX']),
  },
  {
    what: 'claims ten million mails',
    code: 'DSYNCD_PEER_LIMIT',
    why: /mails/,
    play: async (_user, stream) => {
      await greet(stream, ['INBOX']);
      const asked = await receiveUntil(stream, 'mailbox');
      await stream.send(header(asked.guid, 10_000_000));
      await endlessMails(stream);
      await linger(stream);
    },
  },
];

describe.each(misbehaviours)('a peer that $what', ({ what, code, why, play }) => {
  const user = `${what.replaceAll(/[^a-z]+/g, '-')}@example.com`;
  afterEach(async () => {
    await a.admin('replicator', 'remove', user);
  });

  test('is named with user, channel and remedy; nothing is lost and the other channel goes on', async () => {
    script = play;
    await deliver(a, user, 'safe');
    const failed = await untilFailed(a, user, code);
    expect(failed.channel).toBe('evil');
    expect(failed.why).toMatch(why);
    expect(failed.remedy).toBeTruthy();
    const [failure] = failuresOf(a, user);
    expect(failure).toMatchObject({ channel: 'evil', code });
    expect(failure?.hint).toBeTruthy();
    await untilInbox(b, user, 1);
    await deliver(a, user, 'safe too');
    await untilInbox(b, user, 2);
    expect(await countInbox(a, user)).toBe(2);
    expect((await statusOf(a)).channels.find(({ channel }) => channel === 'good')?.breaker.state).toBe(
      'closed',
    );
  });
});

const badNames: readonly (readonly [what: string, path: readonly string[], mended: RegExp])[] = [
  ['climbs', ['..', '..', 'etc'], /^_\.\.\/_\.\.\/etc$/],
  ['has a slash in a level', ['a/b'], /^a_b$/],
  ['has a NUL', ['n\0l'], /^n_l$/],
  ['has 300 characters', ['x'.repeat(300)], /^[0-9a-f]{32}$/],
];

test.each(badNames)('a mailbox name of a peer that %s gets one that is safe', async (what, path, mended) => {
  const user = `${what.replaceAll(/[^a-z]+/g, '-')}@example.com`;
  const before = readdirSync(a.folder).sort();
  script = async (_user, stream) => {
    await greet(stream, path);
    await finish(stream);
  };
  await deliver(a, user, 'mail');
  const names = async (): Promise<string[]> =>
    (
      JSON.parse((await a.admin('mailbox', 'list', '--json', '-u', user)).stdout) as { mailbox: string }[]
    ).map(({ mailbox }) => mailbox);
  await until('the mailbox is there', async () => (await names()).some((name) => mended.test(name)));
  expect(readdirSync(a.folder).sort()).toEqual(before);
  expect(readdirSync(join(a.folder, 'mail'))).toContain(user);
  await untilInbox(b, user, 1);
  await a.admin('replicator', 'remove', user);
});
