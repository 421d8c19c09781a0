import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { DsyncdError } from '@dsyncd/core';
import type { StagedBody, UserMail } from '../port.ts';
import { hasCode } from './scan-maildir.ts';

/** Takes a mail of Dovecot's into the store; undefined when it is packed in a way that we cannot undo. */
export async function stageFile(
  mail: UserMail,
  file: string,
): Promise<{ readonly body: StagedBody; readonly receivedAt: number } | undefined> {
  try {
    const receivedAt = Math.floor((await stat(file)).mtimeMs / 1000);
    const compression = await compressionOf(file);
    if (compression === 'other') return undefined;
    const bytes = createReadStream(file);
    if (compression === 'none') return { body: await mail.stageBody(bytes), receivedAt };
    const unpacked = createGunzip();
    bytes.on('error', (error) => unpacked.destroy(error)).pipe(unpacked);
    return { body: await mail.stageBody(unpacked), receivedAt };
  } catch (error) {
    throw hasCode(error, 'ENOENT') ? changedError(file, error) : error;
  }
}

/** Dovecot renamed or moved a mail while we looked. */
export const changedError = (file: string, cause?: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_DOVECOT_CHANGED', `${file} changed during the import`, {
    outcome: 'transient',
    hint: 'stop Dovecot for this user, or import again',
    cause,
  });

/** How Dovecot's zlib plugin packed the file, told by its first bytes; no mail begins so. */
async function compressionOf(path: string): Promise<'none' | 'gzip' | 'other'> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(12), 0, 12, 0);
    const start = buffer.toString('latin1', 0, bytesRead);
    if (start.startsWith('\u001f\u008b')) return 'gzip';
    const isPacked = /^(\u0028\u00b5\u002f\u00fd|\u00fd7zXZ|BZh[1-9]1AY|Dovecot-LZ4)/.test(start);
    return isPacked ? 'other' : 'none';
  } finally {
    await file.close();
  }
}
