/** Errors that only a store on disk has, and what errors of the system and of SQLite mean. */

import { closeSync, openSync, statfsSync } from 'node:fs';
import {
  DsyncdError,
  type ErrorCode,
  type FailureKind,
  InvariantError,
  messageOf,
  quote,
  systemCode,
} from '@dsyncd/core';
import type { HomePlace } from './wire.ts';

const fullCodes = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'];
const accessCodes = ['EACCES', 'EPERM', 'EROFS', 'SQLITE_READONLY', 'SQLITE_CANTOPEN', 'SQLITE_PERM'];
const filesCodes = ['EMFILE', 'ENFILE'];
/** A short read: the file ends before the place where a page must be. */
const damageCodes = ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ'];

export const isMissing = (error: unknown): boolean => systemCode(error) === 'ENOENT';

export const indexDamagedError = (place: HomePlace, file: string, cause: unknown): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_INDEX_DAMAGED',
    `the index ${file} of user ${quote(place.user)} is damaged: ${messageOf(cause)}`,
    {
      outcome: 'operator',
      hint: 'run `dsyncadm store rebuild -u USER`, then `dsyncadm replicator replicate -f USER`, which brings flags back',
      cause,
    },
  );

export const indexNewerError = (place: HomePlace, file: string, version: number): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_INDEX_NEWER',
    `the index ${file} of user ${quote(place.user)} has version ${version}, which this program does not know`,
    { outcome: 'operator', hint: 'use the newer dsyncd that wrote it' },
  );

export const storeClosedError = (): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_CLOSED', 'the mail store is closed', { outcome: 'transient' });

export const threadEndedError = (cause: unknown): DsyncdError =>
  systemCode(cause) === 'ERR_MODULE_NOT_FOUND' ? notBuiltError(cause) : diedError(cause);

/** A thread is started from the bundle, from sources too. */
const notBuiltError = (cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_NOT_BUILT', messageOf(cause), {
    outcome: 'operator',
    hint: 'run: npm run build',
  });

const diedError = (cause: unknown): DsyncdError =>
  new DsyncdError(
    'DSYNCD_STORE_WORKER_DIED',
    `a worker thread of the mail store ended: ${messageOf(cause)}`,
    {
      outcome: 'transient',
      hint: 'the next call starts a new one; the log has the reason',
      cause,
    },
  );

/** What went wrong at `file` of a user, as an error that an operator can act on. */
export function storeError(error: unknown, place: HomePlace, file: string): Error {
  if (error instanceof DsyncdError || error instanceof InvariantError) return error;
  const code = systemCode(error);
  // Neither the system nor SQLite said so: a mistake of our own.
  if (code === '' && error instanceof Error) return error;
  const where = `${errorPath(error) ?? file} of user ${quote(place.user)}`;
  const about = (storeCode: ErrorCode, what: string, outcome: FailureKind, hint?: string): DsyncdError =>
    new DsyncdError(storeCode, `${what} ${where}: ${messageOf(error)}`, {
      outcome,
      hint,
      cause: error,
    });
  const starts = (codes: readonly string[]): boolean => codes.some((known) => code.startsWith(known));
  if (starts(damageCodes)) return indexDamagedError(place, file, error);
  if (starts(fullCodes) || (code.startsWith('SQLITE_IOERR') && hasNoSpace(place.home)))
    return about(
      'DSYNCD_STORE_DISK_FULL',
      'no room to write',
      'transient',
      'free space or raise the quota; it is then done by itself',
    );
  // SQLite says the same of a file that it may not open and of one too many.
  if (code.startsWith('SQLITE_CANTOPEN') && hasNoFile(place.home))
    return about(
      'DSYNCD_STORE_FILES',
      'too many open files at',
      'transient',
      'raise LimitNOFILE of the service',
    );
  if (starts(accessCodes))
    return about(
      'DSYNCD_STORE_ACCESS',
      'no access to',
      'operator',
      'check owner and mode of the file, and the user that the service runs as',
    );
  if (code.startsWith('SQLITE_BUSY'))
    return about(
      'DSYNCD_STORE_INDEX_BUSY',
      'another process holds',
      'busy',
      'look for a process that hangs with the file open',
    );
  if (filesCodes.includes(code))
    return about(
      'DSYNCD_STORE_FILES',
      'too many open files at',
      'transient',
      'raise LimitNOFILE of the service',
    );
  return about(
    'DSYNCD_STORE_IO',
    'cannot work on',
    'transient',
    "if it comes back: check the disk and the kernel's log",
  );
}

/** The process has used up its files: it can neither open an index nor save a mail. */
export const isOutOfFiles = (error: unknown): boolean =>
  error instanceof DsyncdError && error.code === 'DSYNCD_STORE_FILES';

function hasNoFile(home: string): boolean {
  try {
    closeSync(openSync(home, 'r'));
    return false;
  } catch (error) {
    return filesCodes.includes(systemCode(error));
  }
}

function hasNoSpace(home: string): boolean {
  try {
    return statfsSync(home).bavail === 0;
  } catch {
    // The first error is the one to report.
    return false;
  }
}

const errorPath = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'path' in error && typeof error.path === 'string'
    ? error.path
    : undefined;
