import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeNotify } from '@dsyncd/protocol';
import type { Change } from '../changes.ts';

/** What one write puts into a FIFO whole, even if others write (PIPE_BUF of Linux). */
const atomicBytesMax = 4096;

/**
 * Writes notifications to a FIFO. Never waits: answers those that could not be written, because
 * nobody reads, the FIFO is missing, or it is full.
 */
export function writeFifo(path: string, requests: readonly Change[]): readonly Change[] {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return requests;
  }
  let written = 0;
  try {
    if (!fstatSync(fd).isFIFO()) return requests;
    for (const { lines, count } of packets(requests)) {
      if (writeSync(fd, lines) !== lines.length) break;
      written += count;
    }
  } catch {
    // Full, or the reader has gone: the rest is left.
  } finally {
    closeSync(fd);
  }
  return requests.slice(written);
}

function* packets(
  requests: readonly Change[],
): Generator<{ readonly lines: Buffer; readonly count: number }> {
  let lines: Buffer[] = [];
  let bytes = 0;
  for (const { user, priority, origin } of requests) {
    const line = Buffer.from(encodeNotify(user, priority, origin));
    if (bytes + line.length > atomicBytesMax && lines.length > 0) {
      yield { lines: Buffer.concat(lines), count: lines.length };
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += line.length;
  }
  if (lines.length > 0) yield { lines: Buffer.concat(lines), count: lines.length };
}

/** Names that begin with a dot are work in progress. */
export const temporaryPrefix = '.tmp-';
export const claimPrefix = '.claim-';

let counter = 0;

/**
 * Leaves notifications in the spool folder, where dsyncd finds them when it runs again. Settles
 * when they are on disk. The same notification twice is one file, so a long outage takes no more
 * files than there are users.
 */
export async function writeSpool(folder: string, requests: readonly Change[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o770 });
  for (const request of requests) await writeOne(folder, request);
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeOne(folder: string, { user, priority, origin }: Change): Promise<void> {
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
