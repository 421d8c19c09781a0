import { createReadStream } from 'node:fs';
import { usageError } from '../errors.ts';

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
