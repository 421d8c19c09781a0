/**
 * Dovecot's tab-escaped lines: fields parted by TAB, ended by LF. `\001` escapes what would break
 * the line: `\0010` NUL, `\0011` `\001` itself, `\001t` TAB, `\001r` CR, `\001n` LF.
 */

const needsEscape = /[\u0000\u0001\t\r\n]/;
const escapeAll = /[\u0000\u0001\t\r\n]/g;
const escapes: Readonly<Record<string, string>> = {
  '\u0000': '\u00010',
  '\u0001': '\u00011',
  '\t': '\u0001t',
  '\r': '\u0001r',
  '\n': '\u0001n',
};
const unescapes: Readonly<Record<string, string>> = {
  '0': '\u0000',
  '1': '\u0001',
  t: '\t',
  r: '\r',
  n: '\n',
};

export const tabEscape = (text: string): string =>
  needsEscape.test(text) ? text.replace(escapeAll, (character) => escapes[character] ?? character) : text;

/** An escape that is not known stands for the character after it; a lone `\001` at the end is dropped. */
export const tabUnescape = (text: string): string =>
  text.includes('\u0001')
    ? text.replace(/\u0001([\s\S]?)/g, (_, character: string) => unescapes[character] ?? character)
    : text;

/** One line without its line feed. */
export const joinTabs = (fields: readonly string[]): string => fields.map(tabEscape).join('\t');

export const splitTabs = (line: string): string[] =>
  line.includes('\u0001') ? line.split('\t').map(tabUnescape) : line.split('\t');

const lineFeed = 0x0a;

/**
 * Cuts a byte stream into blocks of whole lines, so that a block can be decoded at once. Holds at
 * most one unfinished line of `lineBytesMax`; a longer one is skipped up to its line feed.
 */
export class LineBlocks {
  readonly #lineBytesMax: number;
  #rest: Uint8Array | undefined;
  #skipping = false;
  #skippedStart: Uint8Array | undefined;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Bytes of an unfinished line that are held. */
  get heldBytes(): number {
    return this.#rest?.length ?? 0;
  }

  /** The next block: whole lines, each with its line feed. Undefined when no line is finished yet. */
  push(chunk: Uint8Array): Buffer | undefined {
    let bytes = chunk;
    if (this.#skipping) {
      const end = bytes.indexOf(lineFeed);
      if (end < 0) return undefined;
      this.#skipping = false;
      bytes = bytes.subarray(end + 1);
    }
    const end = bytes.lastIndexOf(lineFeed);
    if (end < 0) {
      this.#hold(bytes);
      return undefined;
    }
    const block = this.#join(bytes.subarray(0, end + 1));
    this.#rest = undefined;
    this.#hold(bytes.subarray(end + 1));
    return block;
  }

  /** The first bytes of a line that was begun to be skipped since the last call. */
  takeSkipped(): Uint8Array | undefined {
    const start = this.#skippedStart;
    this.#skippedStart = undefined;
    return start;
  }

  #join(bytes: Uint8Array): Buffer {
    if (this.#rest !== undefined) return Buffer.concat([this.#rest, bytes]);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.heldBytes + bytes.length > this.#lineBytesMax) {
      this.#skippedStart = Buffer.from(this.#join(bytes.subarray(0, 80)).subarray(0, 80));
      this.#rest = undefined;
      this.#skipping = true;
      return;
    }
    // A copy: the chunk belongs to a larger buffer that must not be kept alive by a few bytes.
    this.#rest = this.#rest === undefined ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
  }
}
