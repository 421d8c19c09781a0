import { open } from 'node:fs/promises';
import { DsyncdError, messageOf, systemErrorHint } from '@dsyncd/core';

const secretBytesMax = 1024;

/**
 * Reads a secret from its file; a line end after it does not count.
 * @throws {DsyncdError} `DSYNCD_SECRET` (operator) when the file cannot be read, is empty, has more
 *   than one line or 1024 bytes, or everyone on the host can read it. The secret is never in the message.
 */
export async function readSecret(file: string): Promise<string> {
  const { mode, bytes } = await readFileStart(file);
  const worldBits = mode & 0o007;
  if (worldBits !== 0)
    throw bad(
      `the secret file ${file} is open to everyone on this host (mode ${(mode & 0o777).toString(8)})`,
      {
        hint: `chmod 600 ${file}; if others may have seen the secret, change it on both hosts`,
      },
    );
  if (bytes.length > secretBytesMax)
    throw bad(`the secret file ${file} has more than ${secretBytesMax} bytes`, {});
  const secret = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (secret === '')
    throw bad(`the secret file ${file} is empty`, { hint: 'put the secret that both hosts share into it' });
  if (/[\u0000-\u001f\u007f\ufffd]/.test(secret))
    throw bad(`the secret file ${file} holds more than one line of text`, {
      hint: 'it must hold one line of UTF-8',
    });
  return secret;
}

async function readFileStart(file: string): Promise<{ readonly mode: number; readonly bytes: Buffer }> {
  try {
    await using handle = await open(file, 'r');
    const { mode } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(secretBytesMax + 1),
      0,
      secretBytesMax + 1,
      0,
    );
    return { mode, bytes: buffer.subarray(0, bytesRead) };
  } catch (error) {
    const hint = file.startsWith('/run/credentials/')
      ? 'the unit needs LoadCredential= for it and must run, and only root and its user may read it: systemctl show -P LoadCredential dsyncd'
      : systemErrorHint(error);
    throw bad(`cannot read the secret file ${file}: ${messageOf(error)}`, {
      hint,
      cause: error,
    });
  }
}

const bad = (message: string, options: { readonly hint?: string; readonly cause?: unknown }): DsyncdError =>
  new DsyncdError('DSYNCD_SECRET', message, { outcome: 'operator', ...options });
