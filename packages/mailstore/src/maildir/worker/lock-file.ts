import { fstatSync, mkdirSync, openSync, statSync } from 'node:fs';
import { isMissing } from '../disk-errors.ts';
import { lockFile } from '../names-on-disk.ts';

/** Opens the file that a sync locks. It stays for good: were it removed, two processes could each lock a file of that name. */
export function openLockFile(home: string): number {
  try {
    return openSync(lockFile(home), 'a', 0o600);
  } catch (error) {
    if (!isMissing(error)) throw error;
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return openSync(lockFile(home), 'a', 0o600);
  }
}

/** False when the home was replaced since the file was opened. */
export function isPresentLockFile(home: string, descriptor: number): boolean {
  try {
    return statSync(lockFile(home)).ino === fstatSync(descriptor).ino;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
