import { expect, test } from 'vitest';
import { deliverText, inboxOf } from './mails.ts';
import { World } from './world.ts';

test.each(['Archive', 'Zoo'])('a mail that was moved to %s is not sent again', async (name) => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  await a.mail.createMailbox([name]);
  const uid = await deliverText(a, 'Subject: x\r\n\r\nbody\r\n');
  expect((await world.sync(a, b))?.counts.bytesSent).toBe(20);
  const from = await inboxOf(a);
  const to = await a.mail.mailboxByPath([name]);
  const mail = await from.mail(uid);
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
