import { DsyncdError, type MailboxGuid } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import { nameOfMailbox } from './left-out.ts';

const gaveUpCodes: ReadonlySet<string> = new Set(['DSYNCD_PEER_GAVE_UP', 'DSYNCD_PEER_FAILED']);

/** The error of a sync that a Dovecot gave up while it was sent mails, with the mail's name. */
export async function namingRefused(
  error: unknown,
  { guid, uid }: { readonly guid: MailboxGuid; readonly uid: number },
  user: UserMail,
): Promise<unknown> {
  if (!(error instanceof DsyncdError) || !gaveUpCodes.has(error.code)) return error;
  const path = await nameOfMailbox(user, guid);
  return new DsyncdError(
    'DSYNCD_MAIL_REFUSED',
    `${error.message}: it cannot save a mail of mailbox ${path}, with UID ${uid} or one of the next`,
    {
      outcome: 'transient',
      hint: 'its log says why: a limit on the size of mails, a quota, a full disk, or a folder that it may not write to; deliver it there by hand or expunge it here',
    },
  );
}
