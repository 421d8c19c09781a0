/** Removes what crashes left: staged bodies, bodies without a mail, folders of deleted mailboxes. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../disk-errors.ts';
import {
  type BodyName,
  bodyFileName,
  bodyFolder,
  mailboxNoteName,
  maildir,
  parseBodyFileName,
  tmpFolder,
} from '../names-on-disk.ts';
import { removeFolder, unlinkIfThere } from './body-files.ts';
import { readNote } from './notes.ts';
import type { UserIndex } from './user-index.ts';

/** Younger files may belong to a call that is under way. */
export const leftoverAgeMs = 6 * 3_600_000;
const sweepIntervalSeconds = 24 * 3_600;
/** Names checked in one go; other users wait meanwhile. */
const namesAtOnce = 2_000;

/** Whether the last sweep is long ago; notes that one begins now. */
export function takeSweepTurn(index: UserIndex, nowSeconds: number): boolean {
  const last = index.get<{ value: number }>("select value from meta where key = 'swept_at'")?.value;
  if (last !== undefined && Math.abs(nowSeconds - last) < sweepIntervalSeconds) return false;
  index.run("insert or replace into meta values ('swept_at', ?)", nowSeconds);
  return last !== undefined;
}

/** @returns how many files it removed. Yields after each step so that others get their turn. */
export function* sweep(index: UserIndex, olderThanAt: number): Generator<void, number> {
  let removed = removeOld(tmpFolder(index.home), olderThanAt);
  yield;
  const folders = index.all<{ id: number; folder: string }>('select id, folder from mailboxes');
  for (const { id, folder } of folders) {
    const names = listFolder(bodyFolder(index.home, folder));
    for (let start = 0; start < names.length; start += namesAtOnce) {
      removed += sweepBodies(index, id, folder, names.slice(start, start + namesAtOnce), olderThanAt);
      yield;
    }
  }
  return removed + removeDeletedFolders(index, new Set(folders.map(({ folder }) => folder)), olderThanAt);
}

function removeOld(folder: string, olderThanAt: number): number {
  const old = listFolder(folder)
    .map((name) => join(folder, name))
    .filter((path) => isOld(path, olderThanAt));
  for (const path of old) unlinkIfThere(path);
  return old.length;
}

/** Only files that we named: what another program put there is not ours to remove. */
function sweepBodies(
  index: UserIndex,
  mailbox: number,
  folder: string,
  names: readonly string[],
  olderThanAt: number,
): number {
  const leftovers = names.filter((name) => {
    const body = parseBodyFileName(name);
    return body !== undefined && !isReferenced(index, mailbox, name, body);
  });
  const paths = leftovers.map((name) => ({ name, path: join(bodyFolder(index.home, folder), name) }));
  const old = paths.filter(({ path }) => isOld(path, olderThanAt));
  if (old.length === 0) return 0;
  // With the write lock held no call is between the move of a body and its commit.
  return index.write(() => {
    let removed = 0;
    for (const { name, path } of old) {
      const body = parseBodyFileName(name);
      if (body === undefined || isReferenced(index, mailbox, name, body)) continue;
      unlinkIfThere(path);
      removed++;
    }
    return removed;
  });
}

function isReferenced(index: UserIndex, mailbox: number, name: string, { uid }: BodyName): boolean {
  const mail = index.get<{ guid: string; received_at: number; size: number }>(
    'select guid, received_at, size from mails where mailbox = ? and uid = ?',
    mailbox,
    uid,
  );
  if (mail === undefined) return false;
  return bodyFileName({ guid: mail.guid, receivedAt: mail.received_at, size: mail.size, uid }) === name;
}

/** A folder with our note whose mailbox has a deletion record. Without the record it may be a restored backup. */
function removeDeletedFolders(index: UserIndex, known: ReadonlySet<string>, olderThanAt: number): number {
  let removed = 0;
  for (const folder of listFolder(maildir(index.home))) {
    if (!folder.startsWith('.') || known.has(folder)) continue;
    const note = readNote(index.home, folder);
    if (note === undefined || !isOld(join(maildir(index.home), folder, mailboxNoteName), olderThanAt))
      continue;
    const isDeleted = index.write(
      () =>
        index.get("select 1 from deletions where type = 'mailbox' and name = ?", note.guid) !== undefined &&
        index.get('select 1 from mailboxes where guid = ? or folder = ?', note.guid, folder) === undefined,
    );
    if (!isDeleted) continue;
    removeFolder(index.home, folder);
    removed++;
  }
  return removed;
}

const listFolder = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path) : []);

/** By the time of the last rename or link, which a body's own age does not show. */
function isOld(path: string, olderThanAt: number): boolean {
  try {
    return statSync(path).ctimeMs < olderThanAt;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
