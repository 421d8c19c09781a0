import {
  formatUserName,
  isUserName,
  type MailboxPath,
  mailboxPathProblem,
  normalizeMailboxPath,
  type UserName,
  type UsernameFormat,
  userNameProblem,
} from '@dsyncd/core';

/** Where a mail goes. */
export interface Recipient {
  /** As the client wrote it, for replies. */
  readonly address: string;
  readonly user: UserName;
  readonly mailbox: MailboxPath;
}

export const inbox: MailboxPath = ['INBOX'];

/**
 * The user and mailbox of an address: `jane+Lists/dsync@example.com` is mailbox `Lists/dsync` of
 * `jane@example.com`. Users are spelt as everywhere; mailboxes are as written. A detail that is no name of
 * a mailbox means INBOX: the sender writes to the user, and cannot know which folders there are.
 *
 * @param delimiter - one character, or empty for none
 */
export function parseRecipient(
  address: string,
  delimiter: string,
  format: UsernameFormat,
): Recipient | { readonly problem: string } {
  const at = address.lastIndexOf('@');
  const localPart = at < 0 ? address : address.slice(0, at);
  const domain = at < 0 ? '' : address.slice(at);
  const cut = delimiter === '' ? -1 : localPart.indexOf(delimiter);
  const given = (cut < 0 ? localPart : localPart.slice(0, cut)) + domain;
  const detail = cut < 0 ? '' : localPart.slice(cut + 1);
  if (given.startsWith('@')) return { problem: 'the address has no user' };
  if (!isUserName(given)) return { problem: `the user name ${userNameProblem(given) ?? 'is wrong'}` };
  const user = formatUserName(given, format);
  if (user.includes('/')) return { problem: 'the user name has a "/"' };
  if (detail === '') return { address, user, mailbox: inbox };
  const mailbox = normalizeMailboxPath(detail.split('/'));
  return { address, user, mailbox: mailboxPathProblem(mailbox) === undefined ? mailbox : inbox };
}
