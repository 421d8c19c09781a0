const lineFeed = 10;
const carriageReturn = 13;

/** Counts a body's bytes, and those it has when every line ends with CRLF; chunks may be cut anywhere. */
export class SizeCounter {
  size = 0;
  virtualSize = 0;
  #lastByte = 0;

  add(chunk: Uint8Array): void {
    this.size += chunk.length;
    this.virtualSize += chunk.length;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, at + 1)) {
      const before = at === 0 ? this.#lastByte : chunk[at - 1];
      if (before !== carriageReturn) this.virtualSize++;
    }
    this.#lastByte = chunk.at(-1) ?? this.#lastByte;
  }
}
