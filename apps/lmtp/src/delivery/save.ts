import { DsyncdError } from '@dsyncd/core';
import type { MailboxMail, MailStore, SaveChange, UserMail } from '@dsyncd/mailstore';
import type { Recipient } from './recipient.ts';

/**
 * Saves a mail, as its bytes come, for one recipient; creates the mailbox when it is missing.
 * Settles when the mail is on disk.
 */
export async function saveMail(
  store: MailStore,
  recipient: Recipient,
  body: AsyncIterable<Uint8Array>,
  options: { readonly createUser: boolean },
): Promise<void> {
  const mail = await store.open(recipient.user, { create: options.createUser });
  try {
    const staged = await mail.stageBody(body);
    try {
      await saveInto(mail, recipient, { type: 'save', body: staged });
    } catch (error) {
      await staged.discard();
      throw error;
    }
  } finally {
    await mail.close();
  }
}

const attemptsMax = 5;

/** A sync may give the mailbox another GUID, or delete it, between the look and the save. */
async function saveInto(mail: UserMail, recipient: Recipient, change: SaveChange): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      const mailbox = await openMailbox(mail, recipient);
      await mailbox.apply([change]);
      return;
    } catch (error) {
      if (!has(error, 'DSYNCD_STORE_NO_MAILBOX') || attempt === attemptsMax) throw error;
    }
}

async function openMailbox(mail: UserMail, { mailbox: path }: Recipient): Promise<MailboxMail> {
  const found = await mail.mailboxByPath(path);
  if (found !== undefined) return found;
  try {
    return await mail.mailbox((await mail.createMailbox(path)).guid);
  } catch (error) {
    // Another delivery or a sync may have created it just now.
    const created = has(error, 'DSYNCD_STORE_MAILBOX_EXISTS') ? await mail.mailboxByPath(path) : undefined;
    if (created === undefined) throw error;
    return created;
  }
}

const has = (error: unknown, code: string): boolean => error instanceof DsyncdError && error.code === code;
