import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode, type UserName } from '@dsyncd/core';
import { type FileLock, tryLockFile } from '@dsyncd/process';
import { encodeNotify } from '@dsyncd/protocol';
import { spoolFileName } from './plugin/write-notifications.ts';

/** Not a name that the spool folder takes as a notification. */
export const importsPrefix = '.importing-';
const lockName = 'lock';

/**
 * Notes in the spool folder whose mail a sync of this process may be changing, so that the change is notified even when
 * the process is killed before it has done so. One folder for each process, with its lock, which the system opens when
 * the process ends; one file for each sync, which is a notification already. Nothing waits for the disk: after a power
 * failure dsyncd finds the changes by the times of the mail.
 */
export class OpenImports {
  readonly #spoolDir: string;
  #opened: Promise<{ readonly folder: string; readonly lock: FileLock }> | undefined;

  constructor(spoolDir: string) {
    this.#spoolDir = spoolDir;
  }

  /** Settles when it is noted; answers what takes the note away. Rejects when it cannot be noted. */
  async begin(user: UserName): Promise<() => Promise<void>> {
    this.#opened ??= openFolder(this.#spoolDir);
    const { folder } = await this.#opened.catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    const line = encodeNotify(user, 'low');
    const file = join(folder, `${randomBytes(6).toString('hex')}.${spoolFileName(user, line)}`);
    await writeFile(file, line, { mode: 0o660, flag: 'wx' });
    return () => unlink(file);
  }

  /** Leaves what is still noted to dsyncd. */
  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    if (opened === undefined) return;
    opened.lock.release();
    const left = await readdir(opened.folder);
    if (left.every((name) => name === lockName)) await rm(opened.folder, { recursive: true, force: true });
  }
}

async function openFolder(spoolDir: string): Promise<{ readonly folder: string; readonly lock: FileLock }> {
  await mkdir(spoolDir, { recursive: true, mode: 0o770 });
  for (;;) {
    const folder = await mkdtemp(join(spoolDir, importsPrefix));
    const lock = tryLockFile(join(folder, lockName));
    // Else dsyncd was there between the two, found nobody's folder, and removes it.
    if (lock !== undefined) return { folder, lock };
  }
}

/**
 * Makes notifications in the spool folder of what killed processes have left; those that live are left alone.
 * @param name - of a folder in it that begins with {@link importsPrefix}
 * @returns how many there were
 */
export async function takeDeadImports(spoolDir: string, name: string): Promise<number> {
  const folder = join(spoolDir, name);
  const lock = tryLockFile(join(folder, lockName));
  if (lock === undefined) return 0;
  try {
    const files = (await readdir(folder)).filter((file) => !file.startsWith(lockName));
    for (const file of files) await rename(join(folder, file), join(spoolDir, file));
    await rm(folder, { recursive: true, force: true });
    return files.length;
  } catch (error) {
    // Its process has just closed it.
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  } finally {
    lock.release();
  }
}
