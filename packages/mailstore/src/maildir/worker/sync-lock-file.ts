import { mkdirSync } from 'node:fs';
import { type FileLock, tryLockFile } from '@dsyncd/process';
import { isMissing } from '../disk-errors.ts';
import { lockFile } from '../names-on-disk.ts';
import type { HomePlace } from '../wire.ts';

/** Sync locks that this thread holds, by home. They go when the thread ends: then nothing more is written under them. */
const held = new Map<string, FileLock>();

/** @returns false while another sync of the user runs, in whatever process. */
export function takeSyncLock({ home }: HomePlace): boolean {
  const lock = tryLock(home);
  if (lock !== undefined) held.set(home, lock);
  return lock !== undefined;
}

function tryLock(home: string): FileLock | undefined {
  try {
    return tryLockFile(lockFile(home));
  } catch (error) {
    if (!isMissing(error)) throw error;
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return tryLockFile(lockFile(home));
  }
}

export function releaseSyncLock({ home }: HomePlace): void {
  held.get(home)?.release();
  held.delete(home);
}

export function releaseSyncLocks(): void {
  for (const lock of held.values()) lock.release();
  held.clear();
}
