import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asUid, DsyncdError, parseUserName, silentLogger, systemClock, systemRandom } from '@dsyncd/core';
import { type MailStore, openMemoryStore } from '@dsyncd/mailstore';
import type { Notifier, SaveNotice } from '@dsyncd/notify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandBytesMax, recipientsMax, type SessionParts } from '../src/lmtp-session.ts';
import { type LmtpServer, serveLmtp } from '../src/server.ts';
import { RawClient } from './client.ts';

let folder: string;
let path: string;
let store: MailStore;
let server: LmtpServer;
let client: RawClient;
let saved: string[];
let notice: () => Promise<SaveNotice>;
let settings: Partial<SessionParts>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lmtp-'));
  path = join(folder, 'lmtp');
  store = openMemoryStore({ clock: systemClock, random: systemRandom });
  saved = [];
  settings = {};
  notice = async () => 'queued';
  const notifier: Notifier = {
    mailSaved: async (user) => {
      saved.push(user);
      return notice();
    },
    mailChanged: () => {},
    importBegins: async () => () => {},
    close: async () => {},
  };
  server = await serveLmtp(
    { path },
    () => ({
      store,
      notifier,
      logger: silentLogger,
      hostname: 'mx.example.com',
      createUsers: true,
      messageSizeLimitBytes: 100_000,
      recipientDelimiter: '+',
      usernameFormat: 'lower',
      autocreateMailboxesMax: 0,
      requiresReplica: () => false,
      refusals: { refused: () => {}, accepted: () => {} },
      ...settings,
    }),
    silentLogger,
  );
  client = await RawClient.open(path);
  await client.ask('LHLO test');
});
afterEach(async () => {
  await client.close();
  await server.close();
  await rm(folder, { recursive: true });
});

/** Bodies of a mailbox, in the order of their UIDs. */
async function bodies(user: string, mailbox: readonly string[] = ['INBOX']): Promise<string[]> {
  const mail = await store.open(parseUserName(user));
  const box = await mail.mailboxByPath(mailbox);
  const result: string[] = [];
  for (const { uid } of (await box?.mails(asUid(1), 1000)) ?? []) {
    const chunks: Buffer[] = [];
    for await (const chunk of (await box?.body(uid)) ?? []) chunks.push(Buffer.from(chunk as Buffer));
    result.push(Buffer.concat(chunks).toString('latin1'));
  }
  await mail.close();
  return result;
}

async function mailboxNames(user: string): Promise<string[]> {
  const mail = await store.open(parseUserName(user));
  const { nodes } = await mail.tree();
  await mail.close();
  return nodes.map(({ path }) => path.join('/')).sort();
}

describe('a mail that must be on the replica', () => {
  test('is answered for each recipient on its own, and a retry saves nothing twice', async () => {
    settings = { requiresReplica: (user) => user !== 'free@x' };
    let answers: SaveNotice[] = ['synced', 'queued', 'queued'];
    const order = ['u@x', 'v@x', 'free@x'];
    notice = async () => answers[order.indexOf(saved.at(-1) ?? '')] ?? 'failed';
    const refused = '451 4.4.1 <v@x> the second copy cannot be made now; try again later';
    expect(await client.deliver(order, 'same\r\n')).toEqual([
      '250 2.0.0 <u@x> saved',
      refused,
      '250 2.0.0 <free@x> saved',
    ]);
    expect(await client.deliver(['v@x'], 'same\r\n')).toEqual([refused]);
    answers = ['synced', 'synced', 'queued'];
    expect(await client.deliver(['v@x'], 'same\r\n')).toEqual(['250 2.0.0 <v@x> saved']);
    // Where it is not required, two mails are two mails, as ever.
    expect(await client.deliver(['free@x'], 'same\r\n')).toEqual(['250 2.0.0 <free@x> saved']);
    for (const [user, count] of [
      ['u@x', 1],
      ['v@x', 1],
      ['free@x', 2],
    ] as const)
      expect(await bodies(user), user).toHaveLength(count);
  });
});

describe('a mail', () => {
  test('is saved byte for byte: 8 bit, bare LF, bare CR, NUL, dots', async () => {
    const wire = 'Subject: \xe4\r\n\r\na\n.b\n..c\r..\u0000\xff\r\n..d\r\n...\r\n';
    expect(await client.deliver(['u@x'], wire)).toEqual(['250 2.0.0 <u@x> saved']);
    expect(await bodies('u@x')).toEqual([wire.replace('\r\n..d\r\n...', '\r\n.d\r\n..')]);
    expect(saved).toEqual(['u@x']);
  });

  test('for a mailbox that does not exist goes to INBOX, and none is created', async () => {
    expect(await client.deliver(['u+Work@x', 'v+a//b@x', 'w+.@x', 'y+../b@x'], 'x\r\n')).toEqual([
      '250 2.0.0 <u+Work@x> saved',
      '250 2.0.0 <v+a//b@x> saved',
      '250 2.0.0 <w+.@x> saved',
      '250 2.0.0 <y+../b@x> saved',
    ]);
    for (const user of ['u@x', 'v@x', 'w@x', 'y@x']) {
      expect(await bodies(user)).toEqual(['x\r\n']);
      expect(await mailboxNames(user)).toEqual(['INBOX']);
    }
  });

  test('creates mailboxes up to the limit where that is allowed; beyond it goes to INBOX', async () => {
    settings = { autocreateMailboxesMax: 3 };
    for (const detail of ['one', 'two', 'three', 'two'])
      await client.deliver([`u+${detail}@x`], `${detail}\r\n`);
    expect(await mailboxNames('u@x')).toEqual(['INBOX', 'one', 'two']);
    expect(await bodies('u@x')).toEqual(['three\r\n']);
    expect(await bodies('u@x', ['two'])).toEqual(['two\r\n', 'two\r\n']);
  });

  test('goes to several recipients, with a reply each in their order', async () => {
    settings = { autocreateMailboxesMax: 100 };
    const replies = await client.deliver(['a@x', '../bad', 'b+Work/2026@x', 'a@x'], 'x\r\n');
    expect(replies).toEqual([
      '250 2.0.0 <a@x> saved',
      expect.stringMatching(/^550 5\.1\.3 /),
      '250 2.0.0 <b+Work/2026@x> saved',
      '250 2.0.0 <a@x> saved',
    ]);
    expect(await bodies('a@x')).toEqual(['x\r\n']);
    expect(await bodies('b@x', ['Work', '2026'])).toEqual(['x\r\n']);
    expect(await bodies('b@x')).toEqual([]);
  });

  test('of the size limit is taken, one byte more is refused, and the connection goes on', async () => {
    const limit = 'x'.repeat(99_998);
    expect(await client.deliver(['u@x'], `${limit}\r\n`)).toEqual(['250 2.0.0 <u@x> saved']);
    expect(await client.deliver(['u@x', 'v@x'], `x${limit}\r\n`)).toEqual([
      expect.stringMatching(/^552 5\.3\.4 /),
      expect.stringMatching(/^552 5\.3\.4 /),
    ]);
    expect(await client.ask('MAIL FROM:<> SIZE=100001')).toMatch(/^552 5\.3\.4 /);
    expect(await bodies('u@x')).toHaveLength(1);
  });

  test('that one recipient cannot take is saved for the others', async () => {
    const { open } = store;
    store = {
      ...store,
      open: (user, options) =>
        user === 'full@x'
          ? Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }))
          : open.call(store, user, options),
    };
    expect(await client.deliver(['full@x', 'u@x'], `${'y'.repeat(90_000)}\r\n`)).toEqual([
      '452 4.3.1 <full@x> the disk is full; try again later',
      '250 2.0.0 <u@x> saved',
    ]);
  });

  test('whose client goes away in the middle is not saved', async () => {
    await client.deliver(['u@x'], 'first\r\n');
    const other = await RawClient.open(path);
    await other.ask('LHLO x');
    await other.ask('MAIL FROM:<>');
    await other.ask('RCPT TO:<u@x>');
    await other.ask('DATA');
    other.send('half a mail');
    await other.close();
    await client.deliver(['u@x'], 'second\r\n');
    expect(await bodies('u@x')).toEqual(['first\r\n', 'second\r\n']);
  });

  test('is acknowledged only after the notification', async () => {
    let release = (_notice: SaveNotice): void => {};
    notice = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    let answered = false;
    const delivery = client.deliver(['u@x'], 'x\r\n').then(() => {
      answered = true;
    });
    while (saved.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    release('synced');
    await delivery;
  });

  test('for an unknown user is refused at RCPT when users are not to be created', async () => {
    settings = { createUsers: false };
    await (await store.open(parseUserName('known@x'), { create: true })).close();
    expect(await client.deliver(['known@x', 'unknown@x'], 'x\r\n')).toEqual([
      '250 2.0.0 <known@x> saved',
      expect.stringMatching(/^550 5\.1\.1 <unknown@x> /),
    ]);
    await expect(store.open(parseUserName('unknown@x'))).rejects.toBeInstanceOf(DsyncdError);
  });

  test('may come pipelined, many in one packet', async () => {
    const one = 'MAIL FROM:<>\r\nRCPT TO:<u@x>\r\nDATA\r\nn\r\n.\r\n';
    client.send(`${one.repeat(20)}QUIT\r\n`);
    const replies: string[] = [];
    for (let reply = await client.reply(); reply !== 'closed'; reply = await client.reply())
      replies.push(reply);
    expect(replies.filter((reply) => reply.endsWith('saved'))).toHaveLength(20);
    expect(replies.at(-1)).toMatch(/^221 /);
    expect(await bodies('u@x')).toHaveLength(20);
  });
});

describe('the protocol', () => {
  test('commands out of order', async () => {
    expect(await client.ask('RCPT TO:<a@x>')).toMatch(/^503 /);
    expect(await client.ask('DATA')).toMatch(/^503 /);
    await client.ask('MAIL FROM:<>');
    expect(await client.ask('MAIL FROM:<>')).toMatch(/^503 /);
    expect(await client.ask('DATA')).toMatch(/^554 /);
    expect(await client.ask('RSET')).toMatch(/^250 /);
    expect(await client.ask('RCPT TO:<a@x>')).toMatch(/^503 /);
    expect(await client.ask('EHLO x')).toMatch(/^500 5\.5\.1 This is LMTP/);
  });

  test('a command of the longest length is read, a longer one ends the connection', async () => {
    expect(await client.ask(`NOOP ${'x'.repeat(commandBytesMax - 6)}`)).toMatch(/^250 /);
    expect(await client.ask(`NOOP ${'x'.repeat(commandBytesMax)}`)).toMatch(/^500 5\.5\.2 /);
    expect(await client.reply()).toBe('closed');
  });

  test('recipients up to the limit', async () => {
    await client.ask('MAIL FROM:<>');
    client.send('RCPT TO:<u@x>\r\n'.repeat(recipientsMax));
    for (let n = 0; n < recipientsMax; n++) expect(await client.reply()).toMatch(/^250 /);
    expect(await client.ask('RCPT TO:<u@x>')).toMatch(/^452 4\.5\.3 /);
  });

  test('a client that only says nonsense is sent away', async () => {
    client.send('WHAT\r\n'.repeat(60));
    let last = '';
    for (let reply = await client.reply(); reply !== 'closed'; reply = await client.reply()) last = reply;
    expect(last).toMatch(/^421 4\.7\.0 /);
  });
});

test('closing lets the mail that is coming in finish and tells idle clients', async () => {
  const idle = await RawClient.open(path);
  await client.ask('MAIL FROM:<>');
  await client.ask('RCPT TO:<u@x>');
  await client.ask('DATA');
  client.send('begun ');
  const closed = server.close();
  expect(await idle.reply()).toMatch(/^421 /);
  client.send('and finished\r\n.\r\n');
  expect(await client.reply()).toMatch(/^250 2\.0\.0 /);
  expect(await client.reply()).toMatch(/^421 /);
  await closed;
  expect(await bodies('u@x')).toEqual(['begun and finished\r\n']);
});
