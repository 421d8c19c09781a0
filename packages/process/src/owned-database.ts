import { existsSync, renameSync } from 'node:fs';
import { systemCode } from '@dsyncd/core';
import Database from 'better-sqlite3';
import { makePrivate } from './private-file.ts';

/** What says whose a database file is, and how one is made. */
export interface DatabaseFormat {
  /** Four letters as a number: for `file`, and for us. */
  readonly applicationId: number;
  readonly schemaVersion: number;
  /** Statements for an empty file; they set `application_id` and `user_version`, too. */
  readonly createTables: string;
  /** From each earlier version to the next. */
  readonly upgrades?: Readonly<Record<number, string>>;
  /** The error for a file of something else or of a later version. @param what - `is not ours`, for one */
  readonly foreignError: (what: string) => Error;
}

const busyTimeoutMs = 5_000;

/**
 * Opens a database that this program alone writes, and that its owner alone may read; makes it when it is not there. What is
 * committed is on disk (WAL, synchronous). Blocks: it belongs into a thread of its own.
 *
 * @param cacheKiB - of pages
 * @param tune - further pragmas, before anything is read or made
 * @throws what `foreignError` gives; an error of SQLite, of which {@link isDatabaseDamage} knows those of a damaged file
 */
export function openOwnedDatabase(
  file: string,
  format: DatabaseFormat,
  cacheKiB: number,
  tune: (database: Database.Database) => void = () => {},
): Database.Database {
  makePrivate(file);
  const database = new Database(file, { timeout: busyTimeoutMs });
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma(`cache_size = -${cacheKiB}`);
    tune(database);
    checkFormat(database, format);
    const problem = database.pragma('quick_check(1)', { simple: true });
    if (problem !== 'ok') throw new Damage(String(problem));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

class Damage extends Error {
  readonly code = 'SQLITE_CORRUPT';
}

export const isDatabaseDamage = (error: unknown): error is Error =>
  error instanceof Error && /^SQLITE_(CORRUPT|NOTADB)/.test(systemCode(error));

/** Moves a damaged database, which must be closed, with what SQLite has beside it. @returns its new name, `FILE.damaged-N` */
export function moveDatabaseAside(file: string): string {
  const movedTo = freeName(`${file}.damaged`);
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(file + suffix)) renameSync(file + suffix, movedTo + suffix);
  return movedTo;
}

function freeName(name: string): string {
  for (let count = 1; ; count++) if (!existsSync(`${name}-${count}`)) return `${name}-${count}`;
}

function checkFormat(database: Database.Database, format: DatabaseFormat): void {
  const { applicationId, schemaVersion, createTables, foreignError } = format;
  const id = database.pragma('application_id', { simple: true });
  const version = database.pragma('user_version', { simple: true });
  if (id === applicationId && version === schemaVersion) return;
  if (id === applicationId && typeof version === 'number' && upgrade(database, format, version)) return;
  const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (id === 0 && version === 0 && tables === 0) {
    database.transaction(() => database.exec(createTables)).immediate();
    return;
  }
  throw foreignError(
    id === applicationId ? `has format ${version}, this version knows ${schemaVersion}` : 'is not ours',
  );
}

/** Brings a file of an earlier version to the present one, all or nothing; false when that is not known how. */
function upgrade(
  database: Database.Database,
  { upgrades = {}, schemaVersion }: DatabaseFormat,
  from: number,
): boolean {
  if (upgrades[from] === undefined) return false;
  const steps = database.transaction(() => {
    for (let version = from; version < schemaVersion; version++) database.exec(upgrades[version] ?? '');
    database.pragma(`user_version = ${schemaVersion}`);
  });
  steps.immediate();
  return true;
}
