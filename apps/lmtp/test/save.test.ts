import { asMailboxGuid, parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import { type MailStore, openMemoryStore, type UserMail } from '@dsyncd/mailstore';
import { expect, test } from 'vitest';
import { saveMail } from '../src/save.ts';

const user = parseUserName('ann@example.com');

/** The mail of a user, in which something happens right after a mailbox was looked up for the first time. */
function disturbed(mail: UserMail, afterLook: () => Promise<void>): UserMail {
  let isDone = false;
  const mailboxByPath: UserMail['mailboxByPath'] = async (path) => {
    const found = await mail.mailboxByPath(path);
    if (!isDone) await afterLook();
    isDone = true;
    return found;
  };
  return new Proxy(mail, {
    get(target, key) {
      const value: unknown = key === 'mailboxByPath' ? mailboxByPath : Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function* body(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('Subject: x\r\n\r\nbody\r\n');
}

test('a mailbox that gets another GUID just before the save gets the mail all the same', async () => {
  const store = openMemoryStore({ clock: systemClock, random: systemRandom });
  const mail = await store.open(user, { create: true });
  const inbox = await mail.mailboxByPath(['INBOX']);
  if (inbox === undefined) throw new Error('no INBOX');
  const { uidValidity } = await inbox.status();
  const guid = asMailboxGuid('9'.repeat(32));
  const open: MailStore['open'] = async () =>
    disturbed(mail, () => mail.changeMailboxIdentity(inbox.guid, { guid, uidValidity }));
  const racing = new Proxy(store, {
    get: (target, key): unknown => (key === 'open' ? open : Reflect.get(target, key, target)),
  });
  await saveMail(racing, { address: user, user, mailbox: ['INBOX'] }, body(), {
    createUser: false,
    autocreateMailboxesMax: 0,
  });
  const again = await store.open(user);
  expect((await (await again.mailboxByPath(['INBOX']))?.status())?.messagesCount).toBe(1);
});
