import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A raw LMTP client: sends what it is told, reads replies one by one. */
export class RawClient {
  readonly socket: Socket;
  #text = '';
  #ended = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  static async open(path: string): Promise<RawClient> {
    const client = new RawClient(connect(path));
    await client.reply();
    return client;
  }

  send(data: string | Buffer): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** The next reply, its last line; `closed` when there is none any more. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-.*\r\n)*(\d{3} .*)\r\n/.exec(this.#text);
      if (match?.[1] !== undefined) {
        this.#text = this.#text.slice(match[0].length);
        return match[1];
      }
      if (this.#ended) return 'closed';
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ask(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** Sends a mail as it is on the wire (stuffed, without the final dot); one reply a recipient. */
  async deliver(recipients: readonly string[], wire: string | Buffer): Promise<string[]> {
    await this.ask('MAIL FROM:<>');
    const accepted = [];
    for (const recipient of recipients) accepted.push(await this.ask(`RCPT TO:<${recipient}>`));
    if (!accepted.some((reply) => reply.startsWith('250'))) return accepted;
    await this.ask('DATA');
    this.send(wire);
    this.send('.\r\n');
    const replies = [];
    for (const reply of accepted) replies.push(reply.startsWith('250') ? await this.reply() : reply);
    return replies;
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const closed = once(this.socket, 'close');
    this.socket.destroy();
    await closed;
  }
}
