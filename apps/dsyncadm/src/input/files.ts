import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { limits, systemCode } from '@dsyncd/core';
import { notPossible, usageError } from '../errors.ts';

/**
 * The text of a file, or of `stdin` for `-`.
 * @throws {DsyncdError} `DSYNCD_USAGE` past `bytesMax`.
 */
export async function readTextFile(
  file: string,
  stdin: NodeJS.ReadableStream,
  bytesMax: number,
): Promise<string> {
  const source: AsyncIterable<string | Buffer> = file === '-' ? stdin : createReadStream(file);
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    const part = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    bytes += part.length;
    if (bytes > bytesMax)
      throw usageError(
        `${file === '-' ? 'stdin' : file} has more than ${bytesMax} bytes`,
        'is it the right file?',
      );
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/**
 * The bytes of a mail from a file, or from `stdin` when no file or `-` is named.
 * @throws {DsyncdError} while reading: for an empty mail, and past `limits.mailBytesMax`
 */
export async function* readMailBody(
  file: string | undefined,
  stdin: NodeJS.ReadableStream,
  bytesMax: number = limits.mailBytesMax,
): AsyncGenerator<Uint8Array> {
  const isStdin = file === undefined || file === '-';
  const name = isStdin ? 'stdin' : file;
  let bytes = 0;
  const source: AsyncIterable<string | Buffer> = isStdin ? stdin : createReadStream(file);
  for await (const chunk of source) {
    const part = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    bytes += part.length;
    if (bytes > bytesMax)
      throw notPossible(
        `the mail in ${name} is larger than ${bytesMax} bytes`,
        'no mail server takes such a mail',
      );
    yield part;
  }
  if (bytes === 0) throw usageError(`${name} is empty`, 'a mail has at least a header line');
}

export interface Output {
  readonly path: string;
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** @throws {DsyncdError} `DSYNCD_NOT_POSSIBLE` when there is something with that name. */
export async function writeNewFile({ path, text, mode }: Output): Promise<void> {
  try {
    await using file = await open(path, 'wx', mode);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw notPossible(`${path} exists and is not overwritten`, 'move it away, or name another file');
  }
}
