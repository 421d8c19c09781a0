import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { makePrivate } from './private-file.ts';

/** A lock that one holder has, among all threads and processes of this host. */
export interface FileLock {
  release(): void;
}

/**
 * Takes the lock of `file`, which is made if it is missing and stays for good; undefined while another has it.
 *
 * SQLite's own lock: the kernel drops it when the process ends, however that happens, and SQLite when the thread does. It
 * holds between threads of one process, too. Nothing else in the process may open the file: closing it would end the lock.
 *
 * @param timeoutMs - how long to wait, which blocks the thread
 */
export function tryLockFile(file: string, timeoutMs = 0): FileLock | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  // Each sync takes such a lock: one look is enough for a file that is as it should be.
  if (found === undefined || (found.mode & 0o077) !== 0) makePrivate(file);
  const inode = found?.ino ?? inodeOf(file);
  const database = new Database(file, { timeout: timeoutMs });
  try {
    if (found === undefined || found.size === 0) database.exec(writeFirstPage);
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isSqliteBusy(error)) return undefined;
    throw error;
  }
  if (inodeOf(file) === inode) return { release: () => void database.close() };
  // The file was replaced meanwhile: a lock on the old one keeps nobody out.
  database.close();
  return undefined;
}

/** For a database without pages SQLite makes and removes a journal at each lock, which doubles what a lock costs. */
const writeFirstPage = 'PRAGMA synchronous = OFF; PRAGMA page_size = 512; PRAGMA user_version = 1;';

const inodeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.ino;

/** Has another connection locked the database? */
export const isSqliteBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
