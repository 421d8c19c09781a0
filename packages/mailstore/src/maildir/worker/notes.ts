/**
 * The note in each mailbox folder that says which mailbox it is. Only a rebuild of the index reads
 * it. The index remembers which notes are due, so that a crash leaves none outdated for long.
 */

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { isMailboxGuid, type MailboxGuid } from '@dsyncd/core';
import { isMissing } from '../disk-errors.ts';
import { mailboxNote } from '../names-on-disk.ts';
import type { UserIndex } from './user-index.ts';

export interface MailboxNote {
  readonly guid: MailboxGuid;
  readonly uidValidity: number;
  readonly path: string;
}

export function writeDueNotes(index: UserIndex): void {
  const due = index.all<{
    id: number;
    guid: string;
    folder: string;
    uid_validity: number;
    path: string | null;
  }>(
    `select id, mailboxes.guid, folder, uid_validity, path
     from mailboxes left join names on names.guid = mailboxes.guid where note_due = 1`,
  );
  if (due.length === 0) return;
  for (const row of due) {
    const note = { guid: row.guid, uidValidity: row.uid_validity, path: row.path ?? row.guid };
    writeDurably(mailboxNote(index.home, row.folder), `${JSON.stringify(note)}\n`);
  }
  index.write(() => {
    for (const row of due)
      index.run(
        `update mailboxes set note_due = 0 where id = ? and guid = ? and uid_validity = ?
         and (select path from names where names.guid = mailboxes.guid) is ?`,
        row.id,
        row.guid,
        row.uid_validity,
        row.path,
      );
  });
}

export function readNote(home: string, folder: string): MailboxNote | undefined {
  try {
    const note: unknown = JSON.parse(readFileSync(mailboxNote(home, folder), 'utf8'));
    return isNote(note) ? note : undefined;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const isNote = (value: unknown): value is MailboxNote =>
  typeof value === 'object' &&
  value !== null &&
  'guid' in value &&
  typeof value.guid === 'string' &&
  isMailboxGuid(value.guid) &&
  'uidValidity' in value &&
  Number.isSafeInteger(value.uidValidity) &&
  'path' in value &&
  typeof value.path === 'string';

/** The file has the old text or the new one, whatever happens, even if others write it at the same time. */
export function writeDurably(file: string, text: string): void {
  const temporary = `${file}.${process.pid}-${threadId}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
}
