import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { DsyncdError, limits, messageOf, quote, systemErrorHint } from '@dsyncd/core';

const lineFeed = 0x0a;

/** A connection to a unix socket that carries lines both ways. One reader at a time. */
export class LineSocket {
  readonly #path: string;
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffered: Buffer = Buffer.alloc(0);

  private constructor(path: string, socket: Socket) {
    this.#path = path;
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  /** @throws {DsyncdError} `DSYNCD_REPLICATOR_DOWN` (transient) when nobody answers there. */
  static async connect(path: string): Promise<LineSocket> {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
    } catch (error) {
      throw notConnected(path, error);
    }
    return new LineSocket(path, socket);
  }

  send(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  /**
   * The next line without its line feed.
   * @param timeoutMs - longest silence of the other end
   * @throws {DsyncdError} `DSYNCD_REPLICATOR_LOST` (transient) when the other end closes or keeps silent,
   *   `DSYNCD_REPLICATOR_ANSWER` for a line that is too long.
   */
  async readLine(timeoutMs: number): Promise<string> {
    for (;;) {
      const end = this.#buffered.indexOf(lineFeed);
      if (end > lineBytesMax || (end < 0 && this.#buffered.length > lineBytesMax)) throw tooLong(this.#path);
      if (end >= 0) {
        const line = this.#buffered.toString('utf8', 0, end);
        this.#buffered = this.#buffered.subarray(end + 1);
        return line;
      }
      this.#buffered = Buffer.concat([this.#buffered, await this.#readChunk(timeoutMs)]);
    }
  }

  async #readChunk(timeoutMs: number): Promise<Buffer> {
    this.#socket.setTimeout(timeoutMs, () =>
      this.#socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)),
    );
    try {
      const next = await this.#chunks.next();
      if (next.done) throw new Error('it closed the connection');
      return next.value;
    } catch (error) {
      throw lost(this.#path, error);
    } finally {
      this.#socket.removeAllListeners('timeout').setTimeout(0);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Reports have two texts of up to a thousand characters beside the name, escaped. */
const lineBytesMax = limits.lineBytesMax * 2;

const notConnected = (path: string, cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_REPLICATOR_DOWN', `cannot talk to the replicator at ${path}: ${messageOf(cause)}`, {
    outcome: 'transient',
    hint:
      systemErrorHint(cause) ?? 'is dsyncd running, and with this configuration? `systemctl status dsyncd`',
    cause,
  });

const lost = (path: string, cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_REPLICATOR_LOST', `no answer from the replicator at ${path}: ${messageOf(cause)}`, {
    outcome: 'transient',
    hint: 'the log of dsyncd says why; then try again',
    cause,
  });

const tooLong = (path: string): DsyncdError =>
  new DsyncdError(
    'DSYNCD_REPLICATOR_ANSWER',
    `${quote(path)} sent a line of more than ${lineBytesMax} bytes`,
    {
      outcome: 'operator',
      hint: 'is this the socket replicator-doveadm of dsyncd or Dovecot?',
    },
  );
