import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { UserName } from '@dsyncd/core';
import { makePrivate } from '@dsyncd/process';
import SqliteDatabase from 'better-sqlite3';
import { noUserError } from '../../errors.ts';
import { indexDamagedError, indexNewerError, storeError } from '../errors.ts';
import { indexFile, mailboxNoteName, maildir, tmpFolder } from '../home-files.ts';
import type { HomePlace } from '../wire.ts';
import { createSchema, readSchemaVersion, schemaVersion } from './schema.ts';
import { UserIndex } from './user-index.ts';

/** The thread stands still for so long when another process has the index; after that others get their turn, see `BusyHomes`. */
const busyTimeoutMs = 10;

/**
 * Opens a user's index and makes what is missing. A home that has mail but no index is damaged,
 * not new: a new index would take its mail for rubbish.
 */
export function openIndex(place: HomePlace, create: boolean): { index: UserIndex; isNew: boolean } {
  const file = indexFile(place.home);
  try {
    const isMissing = !existsSync(file);
    if (isMissing) prepareHome(place, create, file);
    makePrivate(file);
    const db = new SqliteDatabase(file, { timeout: busyTimeoutMs });
    try {
      db.pragma('journal_mode = truncate');
      db.pragma('synchronous = full');
      const isNew = readSchemaVersion(db) === 0 && makeSchema(db, place, file);
      const version = readSchemaVersion(db);
      if (version !== schemaVersion) throw indexNewerError(place, file, version);
      if (isMissing) syncFolders(place.home, dirname(place.home));
      return { index: new UserIndex(db, place, file), isNew };
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw storeError(error, place, file);
  }
}

function prepareHome(place: HomePlace, create: boolean, file: string): void {
  if (!create && !existsSync(place.home)) throw noUserError(place.user as UserName);
  if (hasMail(place.home))
    throw indexDamagedError(place, file, new Error('it is missing, but there are mail files'));
  mkdirSync(place.home, { recursive: true, mode: 0o700 });
}

/** @returns whether this process made it; another one may have been quicker. */
function makeSchema(db: SqliteDatabase.Database, place: HomePlace, file: string): boolean {
  if (hasMail(place.home))
    throw indexDamagedError(place, file, new Error('it is empty, but there are mail files'));
  return db
    .transaction(() => {
      if (readSchemaVersion(db) !== 0) return false;
      createSchema(db);
      return true;
    })
    .immediate();
}

/** Notes are written after the commit that made their mailbox, so a note without an index means a lost index. */
function hasMail(home: string): boolean {
  const root = maildir(home);
  if (!existsSync(root)) return false;
  return ['', ...readdirSync(root)].some((folder) => existsSync(join(root, folder, mailboxNoteName)));
}

export function makeMailFolder(home: string, folder: string): void {
  const path = join(maildir(home), folder);
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, part), { recursive: true, mode: 0o700 });
  mkdirSync(tmpFolder(home), { recursive: true, mode: 0o700 });
  syncFolders(path, maildir(home), home);
}

export function syncFolders(...folders: readonly string[]): void {
  for (const folder of folders) syncPath(folder);
}

/** Makes a file's bytes, or a folder's names, outlive a power cut. */
export function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
