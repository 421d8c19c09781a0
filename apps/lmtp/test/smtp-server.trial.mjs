// What the library smtp-server makes of bytes and recipients that dsync-lmtp must take as they are: why the LMTP server is
// ours. To be run by hand: TRIALS=true npx vitest run --config test/tooling/vitest.config.ts apps/lmtp
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asUid, silentLogger, systemClock, systemRandom } from '@dsyncd/core';
import { openMemoryStore } from '@dsyncd/mailstore';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveLmtp } from '../src/server.ts';
import { RawClient } from './client.ts';

let folder;
const ends = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'smtp-server-'));
  ends.push(() => rm(folder, { recursive: true }));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function connectTo(path) {
  const client = await RawClient.open(path);
  ends.push(() => client.close());
  await client.ask('LHLO client.example.com');
  return client;
}

/** The library, and the mails and recipients that it gave its user. */
async function openTheirs() {
  const mails = [];
  const server = new SMTPServer({
    lmtp: true,
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, { envelope }, done) {
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('end', () => {
        const text = Buffer.concat(chunks).toString('latin1');
        for (const { address } of envelope.rcptTo) mails.push({ recipient: address, text });
        done(
          null,
          envelope.rcptTo.map(() => 'saved'),
        );
      });
    },
  });
  const path = join(folder, 'theirs');
  server.listen(path);
  await once(server.server, 'listening');
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return { client: await connectTo(path), mails: async () => mails };
}

async function openOurs() {
  const store = openMemoryStore({ clock: systemClock, random: systemRandom });
  const users = [];
  const notifier = {
    mailSaved: async (user) => {
      users.push(user);
      return 'queued';
    },
    mailChanged() {},
    async close() {},
  };
  const path = join(folder, 'ours');
  const parts = {
    store,
    notifier,
    logger: silentLogger,
    hostname: 'mx.example.com',
    createUsers: true,
    messageSizeLimitBytes: 100_000,
    recipientDelimiter: '+',
    usernameFormat: 'none',
    autocreateMailboxesMax: 0,
  };
  const server = await serveLmtp({ path }, () => parts, silentLogger);
  ends.push(() => server.close());
  const mails = async () => {
    const all = [];
    for (const recipient of users) {
      const mail = await store.open(recipient);
      const inbox = await mail.mailboxByPath(['INBOX']);
      const chunks = [];
      for await (const chunk of await inbox.body(asUid(1))) chunks.push(chunk);
      all.push({ recipient, text: Buffer.concat(chunks).toString('latin1') });
      await mail.close();
    }
    return all;
  };
  return { client: await connectTo(path), mails };
}

/** A client that keeps to RFC 5321 doubles a dot behind CRLF, and no other. */
const kept = 'Subject: x\r\n\r\na\n..y\r\n';

test('smtp-server takes a dot from a line behind a bare LF, where no client has added one', async () => {
  const [theirs, ours] = [await openTheirs(), await openOurs()];
  for (const { client } of [theirs, ours])
    expect(await client.deliver(['ann@x'], kept)).toEqual([expect.stringMatching(/^250 /)]);
  expect(await ours.mails()).toEqual([{ recipient: 'ann@x', text: kept }]);
  expect(await theirs.mails()).toEqual([{ recipient: 'ann@x', text: 'Subject: x\r\n\r\na\n.y\r\n' }]);
});

test.each(['ann', '"a b"@x', '"a@b"@x'])('smtp-server refuses the recipient %s', async (recipient) => {
  const [theirs, ours] = [await openTheirs(), await openOurs()];
  expect(await ours.client.deliver([recipient], kept)).toEqual([expect.stringMatching(/^250 /)]);
  expect(await theirs.client.deliver([recipient], kept)).toEqual(['501 Error: Bad recipient address syntax']);
});

test('smtp-server makes another name of a recipient: its domain in Unicode', async () => {
  const [theirs, ours] = [await openTheirs(), await openOurs()];
  const recipient = 'ann@xn--mnchen-3ya.example';
  for (const { client } of [theirs, ours]) await client.deliver([recipient], kept);
  expect((await ours.mails()).map((mail) => mail.recipient)).toEqual([recipient]);
  expect((await theirs.mails()).map((mail) => mail.recipient)).toEqual(['ann@münchen.example']);
});
