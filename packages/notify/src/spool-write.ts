import { createHash } from 'node:crypto';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeNotify } from '@dsyncd/protocol';
import type { NotifyRequest } from './sink.ts';

/** Names that begin with a dot are work in progress. */
export const temporaryPrefix = '.tmp-';
export const claimPrefix = '.claim-';

let counter = 0;

/**
 * Leaves notifications in the spool folder, where dsyncd finds them when it runs again. Settles
 * when they are on disk. The same notification twice is one file, so a long outage takes no more
 * files than there are users.
 */
export async function writeSpool(folder: string, requests: readonly NotifyRequest[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o770 });
  for (const request of requests) await writeOne(folder, request);
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeOne(folder: string, { user, priority, origin }: NotifyRequest): Promise<void> {
  const line = encodeNotify(user, priority, origin);
  const temporary = join(folder, `${temporaryPrefix}${process.pid}-${counter++}`);
  const handle = await open(temporary, 'wx', 0o660);
  try {
    await handle.writeFile(line);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  try {
    // Whole files only come in by rename, and dsyncd takes them out by rename: neither can lose the other's.
    await rename(temporary, join(folder, spoolFileName(user, line)));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

/**
 * The user for the eye, and a hash, as a user name may be longer than a file name and come in several kinds. Never with a
 * leading dot.
 */
export const spoolFileName = (user: string, line: string): string =>
  `${encodeURIComponent(user).replace(/^\./, '%2E').slice(0, 120)}.${createHash('sha256').update(line).digest('hex').slice(0, 16)}`;
