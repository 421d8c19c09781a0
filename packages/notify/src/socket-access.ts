import { execFile } from 'node:child_process';
import { chmod, lstat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { DsyncdError } from '@dsyncd/core';

/** Who may open a FIFO or a socket. */
export interface SocketAccess {
  /** Permission bits. */
  readonly mode: number;
  /** Name or number; missing: who made it. */
  readonly user?: string;
  readonly group?: string;
}

/**
 * Gives a FIFO or a socket its owner and mode; the owner first, as it must never be open to more than it will be.
 * @throws {DsyncdError} `DSYNCD_SOCKET` (operator).
 */
export async function setAccess(path: string, { mode, user, group }: SocketAccess): Promise<void> {
  try {
    if (user !== undefined || group !== undefined) {
      // Node knows numbers only; chown knows names.
      const owner = `${user ?? ''}${group === undefined ? '' : `:${group}`}`;
      await promisify(execFile)('chown', ['--no-dereference', '--', owner, path]);
    }
    // One that somebody else made fittingly need not be ours.
    if (((await lstat(path)).mode & 0o777) !== mode) await chmod(path, mode);
  } catch (error) {
    throw new DsyncdError('DSYNCD_SOCKET', `cannot set owner and mode of ${path}: ${firstLine(error)}`, {
      outcome: 'operator',
      hint: 'user and group must exist; only root can give a socket to another user, and others only to groups of theirs',
      cause: error,
    });
  }
}

const firstLine = (error: unknown): string => {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.split('\n', 1)[0] ?? text;
};
