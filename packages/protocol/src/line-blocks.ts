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
