import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { systemCode } from '@dsyncd/core';

const ownerOnly = 0o600;

/**
 * Makes a database file before SQLite opens it, readable for its owner only, since it says who has mail and from whom.
 * Narrows the mode of one that is there, and of SQLite's files beside it; those made later take over the file's mode.
 *
 * By path: opening and closing a file of SQLite here would end the locks that this process has on it.
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
    // Another process was quicker, and made it with the same mode.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

function narrow(path: string): void {
  try {
    chmodSync(path, ownerOnly);
  } catch (error) {
    // A file of another owner can still be used; one that is gone needs nothing.
    if (!['EPERM', 'ENOENT'].includes(systemCode(error))) throw error;
  }
}
