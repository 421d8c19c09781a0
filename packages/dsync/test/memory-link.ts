import type { ByteLink, LinkOver } from '@dsyncd/protocol';

/** How many bytes one side may write before the other reads. */
const windowBytes = 64 * 1024;

/** Two ends of a connection in memory, with back-pressure like a socket's. */
export function memoryLinks(): readonly [MemoryLink, MemoryLink] {
  const aToB = new Pipe();
  const bToA = new Pipe();
  return [new MemoryLink('b', bToA, aToB), new MemoryLink('a', aToB, bToA)];
}

export class MemoryLink implements ByteLink {
  readonly peerName: string;
  readonly #input: Pipe;
  readonly #output: Pipe;
  #unread: Uint8Array[] = [];
  /** Cut the connection at this read. */
  cutAfter: number | undefined;
  other: MemoryLink | undefined;
  #reads = 0;

  constructor(peerName: string, input: Pipe, output: Pipe) {
    this.peerName = peerName;
    this.#input = input;
    this.#output = output;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.cutAfter !== undefined && ++this.#reads > this.cutAfter) {
      const error = new Error('the cable was cut');
      this.cut(error);
      this.other?.cut(error);
    }
    return this.#unread.pop() ?? (await this.#input.take());
  }

  get over(): LinkOver | undefined {
    const { over } = this.#input;
    return over === undefined
      ? undefined
      : { ...over, unread: [...this.#unread.toReversed(), ...over.unread] };
  }

  unread(bytes: Uint8Array): void {
    this.#unread.push(bytes);
  }

  write(bytes: Uint8Array | string): Promise<void> | undefined {
    return this.#output.put(typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes));
  }

  abort(reason: unknown): void {
    this.#input.dropAll(reason);
    this.#output.waitNoMore(reason);
  }

  /** Nothing more comes to the other side. */
  end(): void {
    this.#output.end();
  }

  /** Both directions fail from now on, as when the cable is cut. */
  cut(error: Error): void {
    this.#input.fail(error);
    this.#output.fail(error);
  }
}

class Pipe {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isEnded = false;
  #error: Error | undefined;
  #dropReason: { readonly reason: unknown } | undefined;
  #isWriterGone = false;
  #wake: ((error?: { readonly reason: unknown }) => void)[] = [];

  get over(): LinkOver | undefined {
    const reason = this.#error ?? (this.#isEnded ? new Error('the other side has ended') : undefined);
    return reason === undefined ? undefined : { reason, unread: this.#chunks };
  }

  put(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (bytes.length === 0 || this.#dropReason !== undefined) return undefined;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    this.#notify();
    return this.#bytes > windowBytes && !this.#isWriterGone ? this.#roomAgain() : undefined;
  }

  async #roomAgain(): Promise<void> {
    while (this.#bytes > windowBytes) await this.#change();
  }

  async take(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#dropReason !== undefined) throw this.#dropReason.reason;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.length;
        this.#notify();
        return chunk;
      }
      if (this.#isEnded) return undefined;
      await this.#change();
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#notify();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#bytes = 0;
    this.#notify();
  }

  /** The reader has given up: what is there and what comes is dropped. */
  dropAll(reason: unknown): void {
    this.#dropReason ??= { reason };
    this.#chunks = [];
    this.#bytes = 0;
    this.#notify();
  }

  /** The writer has given up, and waits for no room any more. */
  waitNoMore(reason: unknown): void {
    this.#isWriterGone = true;
    this.#notify({ reason });
  }

  #change(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wake.push((writerGone) => {
        if (this.#error !== undefined) reject(this.#error);
        else if (writerGone !== undefined && this.#bytes > windowBytes) reject(writerGone.reason);
        else resolve();
      });
    });
  }

  #notify(writerGone?: { readonly reason: unknown }): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake(writerGone);
  }
}
