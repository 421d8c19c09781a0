import type { Writable } from 'node:stream';

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

/** Batched bytes that are sent without waiting for the end of the turn. */
const batchBytesMax = 64 * 1024;

/**
 * Collects the writes of one turn of the event loop into one: a dsync stream is many short lines, and with
 * no-delay each write would be a packet of its own.
 */
export class WriteBatch {
  readonly #writable: Writable;
  readonly #onFull: () => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isScheduled = false;

  /** `onFull` is called when the stream wants no more until its next `drain`. */
  constructor(writable: Writable, onFull: () => void) {
    this.#writable = writable;
    this.#onFull = onFull;
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= batchBytesMax) {
      this.flush();
    } else if (!this.#isScheduled) {
      this.#isScheduled = true;
      // Runs after all promise callbacks of this turn, so a whole chain of awaits shares one write.
      process.nextTick(() => {
        this.#isScheduled = false;
        this.flush();
      });
    }
  }

  flush(): void {
    const chunks = this.#chunks;
    const last = chunks.pop();
    if (last === undefined) return;
    this.#chunks = [];
    this.#bytes = 0;
    if (this.#writable.destroyed || this.#writable.writableEnded) return;
    // A large body is not copied just to go out together with the line before it.
    const isLarge = last.length >= batchBytesMax;
    if (!isLarge) chunks.push(last);
    let hasRoom = true;
    if (chunks.length > 0)
      hasRoom = this.#writable.write(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    if (isLarge) hasRoom = this.#writable.write(last);
    if (!hasRoom) this.#onFull();
  }

  drop(): void {
    this.#chunks = [];
    this.#bytes = 0;
  }
}
