const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const dot = 0x2e;
const lineWithDot = Buffer.from('\r\n.');

/**
 * Undoes the dot stuffing of DATA (RFC 5321 section 4.5.2), byte for byte: only CRLF ends a line, so
 * a bare LF and what follows it are left alone, and only CRLF "." CRLF ends the mail.
 */
export class DotDecoder {
  #held: Buffer = Buffer.alloc(0);
  #atLineStart = true;

  /** @returns the content in `chunk`; `rest` are the bytes after the end of the mail, once that has come. */
  push(chunk: Buffer): { readonly content: readonly Buffer[]; readonly rest?: Buffer } {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    const content: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#atLineStart && bytes[at] === dot) {
        const length = markerLength(bytes, at);
        if (length === undefined) {
          this.#held = bytes.subarray(at);
          break;
        }
        if (length === 3) return { content, rest: bytes.subarray(at + 3) };
        at += 1;
      }
      this.#atLineStart = false;
      const next = bytes.indexOf(lineWithDot, at);
      const end = next < 0 ? this.#endOfPlainBytes(bytes, at) : next + 2;
      if (next >= 0) this.#atLineStart = true;
      if (end > at) content.push(bytes.subarray(at, end));
      at = end;
      if (next < 0) break;
    }
    return { content };
  }

  /** How far bytes without CRLF "." can be given out; a CR at their end may still become one. */
  #endOfPlainBytes(bytes: Buffer, from: number): number {
    const { length } = bytes;
    if (bytes[length - 1] === carriageReturn) {
      this.#held = bytes.subarray(length - 1);
      return Math.max(from, length - 1);
    }
    this.#atLineStart =
      bytes[length - 1] === lineFeed && length - 2 >= from && bytes[length - 2] === carriageReturn;
    return length;
  }
}

/** Length of what the dot at the start of a line stands for: 3 the end of the mail, 1 a stuffed dot; undefined: more bytes are needed to tell. */
function markerLength(bytes: Buffer, at: number): 1 | 3 | undefined {
  const next = bytes[at + 1];
  if (next === undefined) return undefined;
  if (next !== carriageReturn) return 1;
  const afterNext = bytes[at + 2];
  if (afterNext === undefined) return undefined;
  return afterNext === lineFeed ? 3 : 1;
}
