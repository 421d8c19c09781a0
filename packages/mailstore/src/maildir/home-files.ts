/** Where things are below a user's home. */

import { join } from 'node:path';

export const indexFile = (home: string): string => join(home, 'dsyncd-index.sqlite');
export const lockFile = (home: string): string => join(home, 'dsyncd.lock');
export const maildir = (home: string): string => join(home, 'Maildir');
export const tmpFolder = (home: string): string => join(home, 'Maildir', 'tmp');
/** `folder` as the index keeps it: empty for the Maildir itself. */
export const bodyFolder = (home: string, folder: string): string => join(home, 'Maildir', folder, 'cur');
/** Says which mailbox a folder belongs to, for a rebuild of the index. */
export const mailboxNote = (home: string, folder: string): string =>
  join(home, 'Maildir', folder, mailboxNoteName);
export const mailboxNoteName = 'dsyncd-mailbox';
export const longGuidFolder = (home: string): string => join(home, 'Maildir', 'dsyncd-long-guids');
