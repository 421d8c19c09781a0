import { createReadStream } from 'node:fs';
import { limits } from '@dsyncd/core';
import { notPossible, usageError } from '../errors.ts';

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
