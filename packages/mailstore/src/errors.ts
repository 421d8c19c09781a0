/** The errors of every mail store, so that both stores word them alike. */

import {
  DsyncdError,
  type MailboxGuid,
  type MailboxPath,
  quote,
  type Uid,
  type UserName,
} from '@dsyncd/core';
import type { MailPlace } from './port.ts';

const name = (path: MailboxPath): string => quote(path.join('/'));

export const noUserError = (user: UserName): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_NO_USER', `user ${quote(user)} has no mail home`, { outcome: 'nouser' });

export const lockedError = (user: UserName, timeoutMs: number): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_LOCKED',
    `user ${quote(user)} is locked by another sync for over ${timeoutMs} ms`,
    {
      outcome: 'busy',
    },
  );

export const mailboxExistsError = (path: MailboxPath): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_MAILBOX_EXISTS', `mailbox ${name(path)} exists already`, {
    outcome: 'transient',
  });

export const mailboxGuidExistsError = (guid: MailboxGuid, path: MailboxPath): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_MAILBOX_EXISTS', `mailbox GUID ${guid} is already that of ${name(path)}`, {
    outcome: 'transient',
  });

export const noMailboxError = (guid: MailboxGuid): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_NO_MAILBOX', `no mailbox has the GUID ${guid}`, {
    outcome: 'transient',
  });

export const noMailboxNameError = (path: MailboxPath): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_NO_MAILBOX', `there is no mailbox ${name(path)}`, { outcome: 'transient' });

export const inboxStaysError = (): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_INBOX_STAYS', 'INBOX cannot be deleted', { outcome: 'operator' });

export const renameBelowItselfError = (from: MailboxPath, to: MailboxPath): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_BAD_RENAME',
    `mailbox ${name(from)} cannot be moved below itself to ${name(to)}`,
    {
      outcome: 'operator',
    },
  );

export const noMailError = (place: MailPlace): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_NO_MAIL', `no mail has the UID ${place.uid} in mailbox ${place.mailbox}`, {
    outcome: 'transient',
  });

export const bodyLostError = (place: MailPlace): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_BODY_LOST',
    `the body of UID ${place.uid} in mailbox ${place.mailbox} is missing on disk`,
    { outcome: 'transient', hint: 'the next full sync fetches it back from a replica that has it' },
  );

export const bodyDiffersError = (
  uid: Uid,
  sizes: { readonly known: number; readonly given: number },
): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_BODY_DIFFERS',
    `the body to put back for UID ${uid} has ${sizes.given} bytes, the lost one had ${sizes.known}`,
    { outcome: 'operator', hint: 'the mail differs between the hosts: restore it from a backup' },
  );

export const stageGoneError = (): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_STAGE_GONE',
    'a staged body was saved or discarded already, or is of another store',
    {
      outcome: 'transient',
    },
  );

export const uidsExhaustedError = (mailbox: MailboxGuid): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_UIDS_EXHAUSTED', `mailbox ${mailbox} has no UID left to give out`, {
    outcome: 'operator',
    hint: 'move its mails to a new mailbox',
  });

/** `what` names the limit and its value, e.g. "more than 5000000 mails in mailbox …". */
export const limitError = (what: string, hint?: string): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_LIMIT', `refused: ${what}`, {
    outcome: 'operator',
    hint,
  });

export const keywordsError = (mailbox: MailboxGuid, keywordsMax: number): DsyncdError =>
  limitError(
    `more than ${keywordsMax} keywords in mailbox ${mailbox}`,
    'take keywords away from its mails on the host that has them, or raise mail_keywords_max on the other one and restart dsyncd and dsync-server',
  );

/** What stands in the way of a change of names when somebody was faster. */
const overtaken: ReadonlySet<string> = new Set([
  'DSYNCD_STORE_NO_MAILBOX',
  'DSYNCD_STORE_MAILBOX_EXISTS',
  'DSYNCD_STORE_BAD_RENAME',
]);

/** Does one change of several: answers why it was overtaken, and lets any other error pass. */
export function unlessOvertaken(change: () => void): string | undefined {
  try {
    change();
    return undefined;
  } catch (error) {
    if (error instanceof DsyncdError && overtaken.has(error.code)) return error.message;
    throw error;
  }
}
