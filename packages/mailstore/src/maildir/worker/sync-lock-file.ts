import { closeSync, mkdirSync, openSync } from 'node:fs';
import { flockSync } from 'fs-ext';
import { isMissing, systemCode } from '../errors.ts';
import { lockFile } from '../home-files.ts';

/**
 * Tries to lock; never waits. The kernel drops the lock with its holder. The file stays: were it
 * removed, two processes could each lock a file of that name.
 * @returns the descriptor that holds the lock, or undefined while another one has it.
 */
export function tryLock(home: string): number | undefined {
  const fd = openLockFile(home);
  try {
    flockSync(fd, 'exnb');
    return fd;
  } catch (error) {
    closeSync(fd);
    if (['EAGAIN', 'EWOULDBLOCK', 'EACCES'].includes(systemCode(error))) return undefined;
    throw error;
  }
}

function openLockFile(home: string): number {
  try {
    return openSync(lockFile(home), 'a', 0o600);
  } catch (error) {
    if (!isMissing(error)) throw error;
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return openSync(lockFile(home), 'a', 0o600);
  }
}
