/** Chunks that may wait for a slow disk before the client is held up. */
const chunksWaitingMax = 4;

/** One copy of a mail on its way to one recipient: pushed at one end, iterated at the other. */
export class Branch implements AsyncIterable<Buffer> {
  readonly #chunks: Buffer[] = [];
  #ended = false;
  #failure: Error | undefined;
  #isDropped = false;
  #wake: () => void = () => {};

  /** Settles when there is room for the next chunk. */
  async push(chunk: Buffer): Promise<void> {
    if (this.#isDropped) return;
    this.#chunks.push(chunk);
    this.#wake();
    while (this.#chunks.length >= chunksWaitingMax && !this.#isDropped) await this.#change();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Makes the reading end throw: the mail will not be complete. */
  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  /** Nobody reads any more; what is pushed is dropped. */
  drop(): void {
    this.#isDropped = true;
    this.#chunks.length = 0;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#wake();
        yield chunk;
      } else if (this.#ended) return;
      else await this.#change();
    }
  }

  /** Reader and writer never wait at once: one waits for a full, the other for an empty list. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
