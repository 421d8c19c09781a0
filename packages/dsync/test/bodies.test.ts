import type { MailboxMail } from '@dsyncd/mailstore';
import { expect, test } from 'vitest';
import { type SimHost, World } from './world.ts';

async function deliver(host: SimHost, mailbox: MailboxMail, text: string): Promise<number> {
  const body = await host.mail.stageBody(
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
  const { results } = await mailbox.apply([{ type: 'save', body }]);
  const [result] = results;
  if (result === undefined || !('uid' in result)) throw new Error('not saved');
  return result.uid;
}

const inboxOf = async (host: SimHost): Promise<MailboxMail> => {
  const inbox = await host.mail.mailboxByPath(['INBOX']);
  if (inbox === undefined) throw new Error('no INBOX');
  return inbox;
};

test.each(['Archive', 'Zoo'])('a mail that was moved to %s is not sent again', async (name) => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  await a.mail.createMailbox([name]);
  const uid = await deliver(a, await inboxOf(a), 'Subject: x\r\n\r\nbody\r\n');
  expect((await world.sync(a, b))?.counts.bytesSent).toBe(20);
  const from = await inboxOf(a);
  const to = await a.mail.mailboxByPath([name]);
  const mail = await from.mail(uid as never);
  if (to === undefined || mail === undefined) throw new Error('not there');
  await to.apply([{ type: 'save', guid: mail.guid, body: { mailbox: from.guid, uid: mail.uid } }]);
  await from.apply([{ type: 'expunge', uid: mail.uid, guid: mail.guid }]);

  const moved = await world.sync(a, b);

  expect(moved).toMatchObject({ outcome: 'ok', counts: { mailsSent: 0, bytesSent: 0 } });
  const arrived = await (await b.mail.mailboxByPath([name]))?.mails(1 as never, 10);
  expect(arrived?.map(({ guid }) => guid)).toEqual([mail.guid]);
  expect(await (await inboxOf(b)).mails(1 as never, 10)).toEqual([]);
  const again = await world.sync(a, b);
  expect(again?.counts).toMatchObject({ mailsSent: 0, mailsReceived: 0, expunged: 0, flagsChanged: 0 });
});

test('a body that was lost comes back with the next full sync', async () => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  const inbox = await inboxOf(a);
  const uid = await deliver(a, inbox, 'Subject: lost\r\n\r\n.\r\n');
  await world.sync(a, b);
  (a.mail as unknown as { loseBody(mailbox: unknown, uid: number): void }).loseBody(
    (await inboxOf(a)).guid,
    uid,
  );
  expect(await (await inboxOf(a)).lostBodies()).toEqual([uid]);

  await world.sync(a, b, { type: 'full' });

  const back: Uint8Array[] = [];
  for await (const chunk of await (await inboxOf(a)).body(uid as never)) back.push(chunk);
  expect(Buffer.concat(back).toString()).toBe('Subject: lost\r\n\r\n.\r\n');
});
