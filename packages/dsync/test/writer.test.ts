import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asUid, parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import { openMaildirStore } from '@dsyncd/mailstore';
import { expect, it, onTestFinished } from 'vitest';
import { MailboxWriter } from '../src/mailbox/writer.ts';

it('leaves no staged body of the batches behind one that failed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-writer-'));
  const store = openMaildirStore({
    home: (user) => join(folder, user),
    clock: systemClock,
    random: systemRandom,
  });
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const mail = await store.open(parseUserName('ann'), { create: true });
  const { guid } = await mail.createMailbox(['Gone']);
  const mailbox = await mail.mailbox(guid);
  const writer = new MailboxWriter(mailbox, await mailbox.status(), { isDryRun: false });
  await mail.deleteMailbox(guid);
  async function* body(): AsyncGenerator<Uint8Array> {
    // Too large to wait in memory.
    yield Buffer.alloc(100_000, 'x');
  }
  const bodies = [await mail.stageBody(body()), await mail.stageBody(body())];
  const staged = (): number => readdirSync(join(folder, 'ann/Maildir/tmp')).length;
  expect(staged()).toBe(2);
  const expunge = { type: 'expunge', uid: asUid(1) } as const;
  const filling = Array.from({ length: 256 }, () => expunge);
  const batches = bodies.map((staged) => writer.save({ type: 'save', body: staged }, () => {}, ...filling));
  await expect(Promise.all([...batches, writer.flush()])).rejects.toMatchObject({
    code: 'DSYNCD_STORE_NO_MAILBOX',
  });
  await writer.abandon();
  expect(staged()).toBe(0);
});
