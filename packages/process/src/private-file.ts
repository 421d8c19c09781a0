import { chmodSync, closeSync, openSync, statSync } from 'node:fs';

const ownerOnly = 0o600;

/**
 * User names are nobody else's business: makes a database file before SQLite opens it, for its owner only, and takes
 * a wider mode from one that is there, with what stands beside it. What SQLite makes later takes over the file's mode.
 *
 * By path: a file of SQLite must not be opened and closed here, as that ends the locks that this process has on it.
 */
export function makePrivate(file: string): void {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) make(file);
  for (const path of ['', '-journal', '-wal', '-shm'].map((suffix) => file + suffix)) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && (found.mode & 0o077) !== 0) narrow(path);
  }
}

function make(file: string): void {
  try {
    closeSync(openSync(file, 'wx', ownerOnly));
  } catch (error) {
    // Another process was quicker, and has the same mode in mind.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function narrow(path: string): void {
  try {
    chmodSync(path, ownerOnly);
  } catch (error) {
    // A file of another owner is usable all the same; one that is gone needs nothing.
    if (!['EPERM', 'ENOENT'].includes(codeOf(error))) throw error;
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
