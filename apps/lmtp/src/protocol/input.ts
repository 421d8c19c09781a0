import { DotDecoder } from './dot-decoder.ts';

/** The client's bytes, as lines and as mails. Reads on only when it is asked, so a busy server holds its clients up. */
export class Input {
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next line without its line end; undefined when the client has ended; `'too long'` is not read further. */
  async line(bytesMax: number): Promise<string | undefined | { readonly tooLong: true }> {
    for (let searched = 0; ; ) {
      const end = this.#buffer.indexOf(0x0a, searched);
      if (end > bytesMax || (end < 0 && this.#buffer.length > bytesMax)) return { tooLong: true };
      if (end >= 0) {
        const line = this.#buffer.toString('utf8', 0, end);
        this.#buffer = this.#buffer.subarray(end + 1);
        return line.endsWith('\r') ? line.slice(0, -1) : line;
      }
      searched = this.#buffer.length;
      const chunk = await this.#next();
      if (chunk === undefined) return undefined;
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
    }
  }

  /** The mail after DATA. @throws when the client ends before the mail does. */
  async *mail(): AsyncGenerator<Buffer> {
    const decoder = new DotDecoder();
    let chunk: Buffer | undefined = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    for (; chunk !== undefined; chunk = await this.#next()) {
      const { content, rest } = decoder.push(chunk);
      yield* content;
      if (rest === undefined) continue;
      this.#buffer = rest;
      return;
    }
    throw new Error('the client closed the connection inside a mail');
  }

  async #next(): Promise<Buffer | undefined> {
    const result = await this.#chunks.next();
    return result.done ? undefined : result.value;
  }
}
