import { parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import { openMemoryStore, type UserMail } from '@dsyncd/mailstore';
import { expect, test } from 'vitest';
import { DeliveryIdentity, earlierTryMsMax } from '../src/delivery-identity.ts';
import { inbox } from '../src/recipient.ts';

const user = parseUserName('ann@example.com');

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size), 'latin1');
}

/** Delivers the text as far as the identity is concerned; answers `here`, or saves it and answers `saved`. */
async function deliver(mail: UserMail, text: string, { size = 7, now = Date.now(), path = inbox } = {}) {
  const identity = new DeliveryIdentity({ address: user, user, mailbox: path });
  const body = await mail.stageBody(identity.reading(pieces(text, size)));
  const found = await identity.findIn(mail, now);
  if (found === 'here') {
    await body.discard();
    return 'here';
  }
  await (await mail.mailboxByPath(inbox))?.apply([{ type: 'save', body, guid: found }]);
  return 'saved';
}

const openMail = (): Promise<UserMail> =>
  openMemoryStore({ clock: systemClock, random: systemRandom }).open(user, { create: true });

const text = 'Message-ID: <1@x>\r\nDelivery-date: Mon\r\nSubject: a\r\n\r\nDelivery-date: in the body\r\n';

test('the same bytes are known again, however they are cut', async () => {
  const mail = await openMail();
  expect(await deliver(mail, text)).toBe('saved');
  for (const size of [1, 3, 1000]) expect(await deliver(mail, text, { size })).toBe('here');
});

test('other bytes, or another mailbox, are another mail, with the same Message-ID too', async () => {
  const mail = await openMail();
  expect(await deliver(mail, text)).toBe('saved');
  expect(await deliver(mail, text.replace('Subject: a', 'Subject: b'))).toBe('saved');
  expect(await deliver(mail, text.replace('in the body', 'there'))).toBe('saved');
  expect(await deliver(mail, text, { path: ['Work'] })).toBe('saved');
});

test('the Delivery-date of a retry by Exim makes no other mail', async () => {
  const mail = await openMail();
  expect(await deliver(mail, text)).toBe('saved');
  expect(await deliver(mail, text.replace('Delivery-date: Mon', 'Delivery-date: Tuesday'))).toBe('here');
});

test('what was saved longer ago than an MTA tries is a new mail', async () => {
  const mail = await openMail();
  expect(await deliver(mail, text)).toBe('saved');
  expect(await deliver(mail, text, { now: Date.now() + earlierTryMsMax - 5_000 })).toBe('here');
  expect(await deliver(mail, text, { now: Date.now() + earlierTryMsMax + 5_000 })).toBe('saved');
});
