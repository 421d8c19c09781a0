/** Read chunks that still stand in the list, so that not each of them moves the rest. */
const chunksKeptMax = 8;

/** Bytes that came and were not read yet, as they came. */
export class ReceivedChunks {
  #chunks: Uint8Array[] = [];
  #index = 0;
  #bytes = 0;
  readonly #putBack: Uint8Array[] = [];

  /** Bytes that were put back are not counted: their reader had them once. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0 && this.#putBack.length === 0;
  }

  /** In the order in which they are to be read. */
  get all(): readonly Uint8Array[] {
    return [...this.#putBack.toReversed(), ...this.#chunks.slice(this.#index)];
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  putBack(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#putBack.push(chunk);
  }

  take(): Uint8Array | undefined {
    const again = this.#putBack.pop();
    if (again !== undefined) return again;
    const chunk = this.#chunks[this.#index];
    if (chunk === undefined) return undefined;
    this.#index++;
    this.#bytes -= chunk.length;
    // A fast peer never lets it run empty: what was read must not wait for that to be freed.
    if (this.#index === this.#chunks.length || this.#index === chunksKeptMax) {
      this.#chunks = this.#chunks.slice(this.#index);
      this.#index = 0;
    }
    return chunk;
  }

  clear(): void {
    this.#chunks = [];
    this.#index = 0;
    this.#bytes = 0;
    this.#putBack.length = 0;
  }
}
