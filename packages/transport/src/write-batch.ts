import type { Writable } from 'node:stream';

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
