import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseDestination, parseUserName, silentLogger, systemClock, systemRandom } from '@dsyncd/core';
import { type MailStore, openMaildirStore, type UserMail } from '@dsyncd/mailstore';
import { createPeer, startDoveadmServer } from '@dsyncd/transport';
import { expect, onTestFinished, test } from 'vitest';
import { BuiltinAnswerer, BuiltinEngine } from '../src/index.ts';
import { withRead } from './support/with-read.ts';

const user = parseUserName('ann@example.com');
const secret = 'secret';
const mib = 1024 * 1024;
const mailsPerSide = 48;
const chunkBytes = 64 * 1024;
/** Read-ahead, socket and file buffers of both ends, both ways; not the mails. */
const growthBytesMax = 48 * mib;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the process holds and cannot give back. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A mail of 1 MiB, of its own. */
async function* largeMail(number: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`Subject: ${number}\r\n\r\n`);
  for (let sent = 0; sent < mib; sent += chunkBytes) yield Buffer.alloc(chunkBytes, `line ${number}\r\n`);
}

async function openStore(): Promise<{ readonly store: MailStore; readonly mail: UserMail }> {
  const folder = await mkdtemp(join(tmpdir(), 'memory-'));
  const store = openMaildirStore({
    home: (name) => join(folder, name),
    clock: systemClock,
    random: systemRandom,
  });
  onTestFinished(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  return { store, mail: await store.open(user, { create: true }) };
}

async function fill(mail: UserMail): Promise<void> {
  const mailbox = await mail.mailboxByPath(['INBOX']);
  for (let number = 0; number < mailsPerSide; number++)
    await mailbox?.apply([{ type: 'save', body: await mail.stageBody(largeMail(number)) }]);
}

test('a first sync holds no body that has gone through, on either side', async () => {
  const [here, there] = [await openStore(), await openStore()];
  await Promise.all([fill(here.mail), fill(there.mail)]);
  const lockTimeoutMs = (): number => 1000;
  const server = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    logger: silentLogger,
    answerer: new BuiltinAnswerer({
      store: there.store,
      hostname: 'there.test',
      lockTimeoutMs,
      logger: silentLogger,
      onImported: () => {},
    }),
  });
  const peer = createPeer(parseDestination(`tcp:127.0.0.1:${server.port}`, { doveadmPort: 1 }), { secret });
  onTestFinished(async () => {
    await peer.close();
    await server.stop(0);
  });

  const before = heldBytes();
  let most = before;
  const engine = new BuiltinEngine({
    store: here.store,
    hostname: 'here.test',
    lockTimeoutMs,
    peerOf: () => ({
      name: peer.name,
      close: () => peer.close(),
      async startSync(...args) {
        const connection = await peer.startSync(...args);
        let sinceLook = 0;
        return withRead(connection, async () => {
          const chunk = await connection.read();
          sinceLook += chunk?.length ?? 0;
          if (sinceLook > 4 * mib) {
            sinceLook = 0;
            most = Math.max(most, heldBytes());
          }
          return chunk;
        });
      },
    }),
  });
  const signal = AbortSignal.timeout(80_000);
  const result = await engine.sync({ user, channel: 'default', type: 'full', state: undefined, signal });

  expect(result.outcome).toBe('ok');
  const moved = result.counts;
  expect([moved?.mailsReceived, moved?.mailsSent]).toEqual([mailsPerSide, mailsPerSide]);
  expect(most - before).toBeLessThan(growthBytesMax);
});
