import { DsyncdError, type MailboxGuid } from '@dsyncd/core';
import type { MailboxMail, UserMail } from '@dsyncd/mailstore';

/** Undefined for one that is not there, or not any more. */
export async function findMailbox(user: UserMail, guid: MailboxGuid): Promise<MailboxMail | undefined> {
  try {
    return await user.mailbox(guid);
  } catch (error) {
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_NO_MAILBOX') return undefined;
    throw error;
  }
}
