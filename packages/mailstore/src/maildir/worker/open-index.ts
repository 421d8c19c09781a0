import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { UserName } from '@dsyncd/core';
import { makePrivate } from '@dsyncd/process';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { noUserError } from '../../errors.ts';
import { indexDamagedError, indexNewerError, isOutOfFiles, storeError } from '../disk-errors.ts';
import { indexFile, mailboxNoteName, maildir, tmpFolder } from '../names-on-disk.ts';
import type { HomePlace } from '../wire.ts';
import { UserIndex } from './user-index.ts';

/** The thread stands still for so long when another process has the index; after that others get their turn, see `BusyHomes`. */
const busyTimeoutMs = 10;

/**
 * Opens a user's index and makes what is missing. A home that has mail but no index is damaged,
 * not new: a new index would take its mail for rubbish.
 */
function openIndex(place: HomePlace, create: boolean): { index: UserIndex; isNew: boolean } {
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

function syncFolders(...folders: readonly string[]): void {
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

const schemaVersion = 1;

/**
 * The journal is a rollback journal that is kept and emptied: most users are seldom read, and with a WAL
 * opening and closing an index costs three times as much, three files and a hundred times the memory.
 * Times are Unix seconds. `mails` has no file name: that follows from columns that never change.
 */
const schema = `
create table meta (key text primary key, value integer not null) strict, without rowid;
create table mailboxes (
  id integer primary key,
  guid text not null unique,
  folder text not null unique,
  uid_validity integer not null,
  uid_next integer not null default 1,
  highest_modseq integer not null default 1,
  first_recent_uid integer not null default 1,
  messages integer not null default 0,
  note_due integer not null default 1
) strict;
create index mailboxes_note_due on mailboxes (id) where note_due = 1;
create table names (
  path text primary key,
  present integer not null,
  guid text,
  changed_at integer not null,
  subscribed integer not null,
  subscription_changed_at integer not null
) strict, without rowid;
create table deletions (
  key text primary key,
  type text not null,
  name text not null,
  deleted_at integer not null
) strict, without rowid;
create table mails (
  mailbox integer not null,
  uid integer not null,
  guid text not null,
  modseq integer not null,
  flags integer not null,
  keywords text,
  flag_modseqs text,
  received_at integer not null,
  saved_at integer not null,
  size integer not null,
  virtual_size integer not null,
  pop3_uidl text,
  pop3_order integer,
  primary key (mailbox, uid)
) strict, without rowid;
create index mails_modseq on mails (mailbox, modseq);
create index mails_guid on mails (guid);
create table expunges (
  mailbox integer not null,
  uid integer not null,
  guid text not null,
  modseq integer not null,
  primary key (mailbox, uid)
) strict, without rowid;
create index expunges_modseq on expunges (mailbox, modseq);
create table attributes (
  mailbox integer not null,
  type text not null,
  key text not null,
  value text,
  changed_at integer not null,
  modseq integer not null,
  primary key (mailbox, type, key)
) strict, without rowid;
create table keywords (mailbox integer not null, word text not null, primary key (mailbox, word)) strict, without rowid;
create table lost (mailbox integer not null, uid integer not null, primary key (mailbox, uid)) strict, without rowid;
`;

export const tablesOfMailbox = ['mails', 'expunges', 'attributes', 'keywords', 'lost'] as const;

const readSchemaVersion = (db: Database): number => Number(db.pragma('user_version', { simple: true }));

export function createSchema(db: Database): void {
  db.exec(schema);
  db.pragma(`user_version = ${schemaVersion}`);
}

/** Keeps the indexes used last open; one that was replaced on disk is opened anew. */
export class IndexCache {
  readonly #open = new Map<string, UserIndex>();
  /** Those that were taken since the last {@link closeUnused}. */
  readonly #taken = new Set<UserIndex>();
  readonly #max: number;

  /** @param max - open indexes: two files each, and half a MB with all statements prepared */
  constructor(max: number) {
    this.#max = max;
  }

  take(place: HomePlace, create: boolean, onOpen: (index: UserIndex, isNew: boolean) => void): UserIndex {
    const known = this.#open.get(place.home);
    if (known?.isCurrent()) {
      this.#open.delete(place.home);
      this.#open.set(place.home, known);
      this.#taken.add(known);
      return known;
    }
    if (known !== undefined) this.drop(known);
    const { index, isNew } = this.#openIndex(place, create);
    try {
      onOpen(index, isNew);
    } catch (error) {
      index.close();
      throw error;
    }
    this.#open.set(place.home, index);
    this.#taken.add(index);
    this.#makeRoom();
    return index;
  }

  /** The process has no files left: gives back those that nobody uses just now, and tries once more. */
  #openIndex(place: HomePlace, create: boolean): ReturnType<typeof openIndex> {
    try {
      return openIndex(place, create);
    } catch (error) {
      if (!isOutOfFiles(error)) throw error;
      this.giveBack();
      return openIndex(place, create);
    }
  }

  /** Closes all that nobody has taken since the last call. */
  closeUnused(): void {
    for (const index of [...this.#open.values()])
      if (index.users === 0 && !this.#taken.has(index)) this.drop(index);
    this.#taken.clear();
  }

  /** Closes all that are not in use. */
  giveBack(): void {
    for (const index of [...this.#open.values()]) if (index.users === 0) this.drop(index);
  }

  drop(index: UserIndex): void {
    this.#taken.delete(index);
    if (this.#open.get(index.home) === index) this.#open.delete(index.home);
    // In use: its user closes it when done, see `done`.
    if (index.users === 0) index.close();
  }

  /** Closes an index that was dropped while it was used. */
  done(index: UserIndex): void {
    if (index.users === 0 && this.#open.get(index.home) !== index) index.close();
  }

  closeAll(): void {
    for (const index of this.#open.values()) index.close();
    this.#open.clear();
  }

  #makeRoom(): void {
    for (const index of this.#open.values()) {
      if (this.#open.size <= this.#max) return;
      if (index.users === 0) this.drop(index);
    }
  }
}
