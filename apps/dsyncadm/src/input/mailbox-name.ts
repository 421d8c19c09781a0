import { checkMailboxPath, type MailboxPath, normalizeMailboxPath } from '@dsyncd/core';

/**
 * A mailbox name of the command line, with `/` between its levels.
 * @throws {DsyncdError} `DSYNCD_MAILBOX_NAME`
 */
export function parseMailboxName(name: string): MailboxPath {
  const path = normalizeMailboxPath(name.split('/'));
  checkMailboxPath(path);
  return path;
}

export const mailboxName = (path: MailboxPath): string => path.join('/');
