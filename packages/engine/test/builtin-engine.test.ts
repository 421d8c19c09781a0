import {
  asUid,
  DsyncdError,
  type MailboxPath,
  parseDestination,
  parseUserName,
  silentLogger,
  systemClock,
  systemRandom,
} from '@dsyncd/core';
import { type MailStore, openMemoryStore, type UserMail } from '@dsyncd/mailstore';
import { createPeer, type Peer, startDoveadmServer } from '@dsyncd/transport';
import { expect, onTestFinished, test, vi } from 'vitest';
import { BuiltinAnswerer, BuiltinEngine, hasImported, type SyncResult } from '../src/index.ts';
import { withRead } from './support/with-read.ts';

const user = parseUserName('ann@example.com');
const secret = 'secret';

async function openStore(): Promise<{ readonly store: MailStore; readonly mail: UserMail }> {
  const store = openMemoryStore({ clock: systemClock, random: systemRandom });
  return { store, mail: await store.open(user, { create: true }) };
}

async function save(mail: UserMail, count: number, path: MailboxPath = ['INBOX']): Promise<void> {
  const mailbox = await mail.mailboxByPath(path);
  for (let number = 0; number < count; number++)
    await mailbox?.apply([
      { type: 'save', body: await mail.stageBody(bytesOf(`Subject: ${number}\n\nbody\n`)) },
    ]);
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const countMails = async (mail: UserMail): Promise<number> =>
  (await (await mail.mailboxByPath(['INBOX']))?.status())?.messagesCount ?? 0;

/** The peer, and what happens before each read of its connection; an error of it breaks the connection. */
function disturbed(peer: Peer, beforeRead: (count: number) => Promise<void>): Peer {
  return {
    name: peer.name,
    close: () => peer.close(),
    async startSync(...args) {
      const connection = await peer.startSync(...args);
      let count = 0;
      return withRead(connection, async () => {
        await beforeRead(++count).catch((error: unknown) => {
          connection.release(false);
          throw error;
        });
        return connection.read();
      });
    },
  };
}

interface Pair {
  readonly ours: UserMail;
  readonly theirs: UserMail;
  readonly importedThere: string[];
  readonly loggedThere: { readonly message: string; readonly fields: object }[];
  sync(beforeRead?: (count: number) => Promise<void>): Promise<SyncResult>;
}

async function startPair(): Promise<Pair> {
  const [here, there] = [await openStore(), await openStore()];
  const importedThere: string[] = [];
  const loggedThere: { message: string; fields: object }[] = [];
  const server = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    logger: silentLogger,
    answerer: new BuiltinAnswerer({
      store: there.store,
      hostname: 'there.test',
      lockTimeoutMs: () => 1000,
      logger: { ...silentLogger, info: (fields, message) => loggedThere.push({ message, fields }) },
      onImported: (_, peer) => importedThere.push(peer),
    }),
  });
  const peer = createPeer(parseDestination(`tcp:127.0.0.1:${server.port}`, { doveadmPort: 1 }), { secret });
  onTestFinished(async () => {
    await peer.close();
    await server.stop(0);
  });
  let disturb = async (_: number): Promise<void> => {};
  const engine = new BuiltinEngine({
    store: here.store,
    hostname: 'here.test',
    lockTimeoutMs: () => 1000,
    peerOf: () => disturbed(peer, disturb),
  });
  return {
    ours: here.mail,
    theirs: there.mail,
    importedThere,
    loggedThere,
    sync(beforeRead = async () => {}) {
      disturb = beforeRead;
      const signal = AbortSignal.timeout(20_000);
      return engine.sync({ user, channel: 'default', type: 'full', state: undefined, signal });
    },
  };
}

test('what a sync changed and deleted on the answering host stands in its log', async () => {
  const { ours, theirs, loggedThere, sync } = await startPair();
  const work = await ours.createMailbox(['Work']);
  await save(ours, 2);
  expect((await sync()).outcome).toBe('ok');
  expect(loggedThere.at(-1)).toMatchObject({
    message: 'sync changed mail here',
    fields: { user, peer: 'here.test', mailsReceived: 2, mailboxesDeleted: 0 },
  });
  const uid = (await (await ours.mailboxByPath(['INBOX']))?.mails(asUid(1), 1))?.[0]?.uid;
  await (await ours.mailboxByPath(['INBOX']))?.apply([{ type: 'expunge', uid: uid ?? asUid(1) }]);
  await ours.deleteMailbox(work.guid);
  expect((await sync()).outcome).toBe('ok');
  expect(loggedThere.at(-1)).toMatchObject({
    message: 'sync changed mail here',
    fields: { expunged: 1, mailboxesDeleted: 1 },
  });
  expect(await countMails(theirs)).toBe(1);
  const count = loggedThere.length;
  expect((await sync()).outcome).toBe('ok');
  expect(loggedThere).toHaveLength(count);
});

test('wherever a sync breaks, both ends tell of what it has brought by then', async () => {
  let brokenAfterImport = 0;
  let outcome = '';
  for (let readsMax = 1; outcome !== 'ok'; readsMax++) {
    const { ours, theirs, importedThere, sync } = await startPair();
    await save(ours, 2);
    await save(theirs, 3);
    const result = await sync(async (count) => {
      if (count > readsMax) throw new DsyncdError('DSYNCD_LINK_LOST', 'cut', { outcome: 'transient' });
    });
    ({ outcome } = result);
    const [here, there] = [await countMails(ours), await countMails(theirs)];
    if (here > 2) expect(hasImported(result)).toBe(true);
    if (there > 3) await vi.waitFor(() => expect(importedThere).toEqual(['here.test']), 20_000);
    if (here > 2 && outcome !== 'ok') {
      expect(result.peer).toBe('there.test');
      brokenAfterImport++;
    }
    expect(readsMax).toBeLessThan(200);
  }
  expect(brokenAfterImport).toBeGreaterThan(0);
});

test.each(['ours', 'theirs'] as const)(
  'a mailbox of %s that goes at any moment of a sync is a change, not a failure',
  async (side) => {
    let isInTime = true;
    const outcomes = new Set<string>();
    for (let moment = 1; isInTime; moment++) {
      const pair = await startPair();
      const gone = await pair.ours.createMailbox(['Gone']);
      await save(pair.ours, 1, ['Gone']);
      expect((await pair.sync()).outcome).toBe('ok');
      await save(pair[side], 1, ['Gone']);
      isInTime = false;
      const { outcome } = await pair.sync(async (count) => {
        if (count !== moment) return;
        isInTime = true;
        await pair[side].deleteMailbox(gone.guid);
      });
      expect(['ok', 'changed']).toContain(outcome);
      outcomes.add(outcome);
      if (!isInTime) continue;
      expect((await pair.sync()).outcome).toBe('ok');
      for (const mail of [pair.ours, pair.theirs]) expect(await mail.mailboxByPath(['Gone'])).toBeUndefined();
    }
    expect([...outcomes].sort()).toEqual(['changed', 'ok']);
  },
);

test('a sync that is cut off again and again as early comes to its end all the same', async () => {
  const { ours, theirs, sync } = await startPair();
  const paths = Array.from({ length: 40 }, (_, index) => [`Box${index}`]);
  for (const path of paths) {
    await ours.createMailbox(path);
    await save(ours, 1, path);
  }
  const cutOff = async (count: number): Promise<void> => {
    if (count > 40) throw new Error('the time is up');
  };
  let tries = 0;
  let outcome = '';
  while (outcome !== 'ok' && tries++ < 15) {
    ({ outcome } = await sync(cutOff));
    // What changes in a mailbox that is done already is not passed over.
    if (tries === 2) await save(ours, 1, ['Box0']);
    if (tries === 2) await save(theirs, 1, ['Box1']);
  }
  expect(outcome).toBe('ok');
  expect(tries, 'it was cut off at all').toBeGreaterThan(2);
  for (const path of paths) {
    const [here, there] = await Promise.all(
      [ours, theirs].map(async (mail) => (await mail.mailboxByPath(path))?.status()),
    );
    expect(there, path[0]).toMatchObject({ uidNext: here?.uidNext, messagesCount: here?.messagesCount });
  }
  for (const path of [['Box0'], ['Box1']])
    expect((await (await theirs.mailboxByPath(path))?.status())?.messagesCount, path[0]).toBe(2);
});
