import { createWriteStream, ReadStream } from 'node:fs';
import { link, lstat, readlink, utimes } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export type PlacedBody = 'linked' | 'copied';

/** Puts a body at `path`, as a hard link where its stream reads a file of the same file system; its mtime becomes `receivedAt`. */
export async function placeBody(body: Readable, path: string, receivedAt: number): Promise<PlacedBody> {
  const file = await sourceFile(body);
  if (file !== undefined && (await linkBody(file, path, receivedAt))) {
    body.destroy();
    return 'linked';
  }
  await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  await utimes(path, receivedAt, receivedAt);
  return 'copied';
}

async function sourceFile(body: Readable): Promise<string | undefined> {
  if (!(body instanceof ReadStream)) return undefined;
  if (typeof body.path === 'string' && body.path !== '') return body.path;
  if (!('fd' in body) || typeof body.fd !== 'number') return undefined;
  const { fd } = body;
  return readlink(`/proc/self/fd/${fd}`).catch(() => undefined);
}

/** Dovecot takes the received date from the file, so a file that other mails share is only linked when it fits. */
async function linkBody(file: string, path: string, receivedAt: number): Promise<boolean> {
  try {
    const source = await lstat(file);
    if (!source.isFile()) return false;
    const fits = Math.floor(source.mtimeMs / 1000) === receivedAt;
    if (!fits && source.nlink > 1) return false;
    await link(file, path);
    if (!fits) await utimes(path, receivedAt, receivedAt);
    return true;
  } catch (error) {
    if (isNoLink(error)) return false;
    throw error;
  }
}

/** Another file system, one without links, too many links, or a file that just went. */
const isNoLink = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['EXDEV', 'EPERM', 'EMLINK', 'ENOENT', 'EOPNOTSUPP', 'EACCES'].includes(String(error.code));
