/** Maildir stores in folders of their own, and what tests do to their files. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MailboxGuid, systemClock, systemRandom, type Uid, type UserName } from '@dsyncd/core';
import { type MaildirStore, type MaildirStoreOptions, openMaildirStore } from '@dsyncd/mailstore';

export const makeFolder = (): string => mkdtempSync(join(tmpdir(), 'dsyncd-maildir-'));
export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });

export const openStore = (folder: string, options: Partial<MaildirStoreOptions> = {}): MaildirStore =>
  openMaildirStore({
    home: (user) => join(folder, user),
    users: `${folder}/%{user}`,
    clock: systemClock,
    random: systemRandom,
    ...options,
  });

/** The body files of a home. */
export const bodyFiles = (home: string): readonly string[] =>
  readdirSync(join(home, 'Maildir'), { recursive: true, withFileTypes: true })
    .filter((name) => name.isFile() && name.parentPath.endsWith('/cur'))
    .map((name) => join(name.parentPath, name.name));

export function bodyFile(home: string, mailbox: MailboxGuid, uid: Uid): string {
  const file = bodyFiles(home).find(
    (path) =>
      path.includes(`.U${uid},`) &&
      readFileSync(join(path, '../../dsyncd-mailbox'), 'utf8').includes(mailbox),
  );
  if (file === undefined) throw new Error(`no body of UID ${uid} in ${mailbox} below ${home}`);
  return file;
}

export const homeOf = (folder: string, user: UserName): string => join(folder, user);
