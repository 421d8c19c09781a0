import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection on which lines come that end with CRLF: one byte is one character. */
export class LineConnection {
  readonly #socket: Socket;
  #buffer = '';
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#buffer += text;
      this.#wake();
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
    // The reader learns of an error by the close that follows it.
    socket.on('error', () => {});
  }

  /** @param address - path of a unix socket, or a port on loopback */
  static async open(address: string | number): Promise<LineConnection> {
    const socket = typeof address === 'string' ? connect(address) : connect(address, '127.0.0.1');
    await once(socket, 'connect');
    return new LineConnection(socket);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @param bytes - text has one character a byte */
  write(bytes: string | Buffer): void {
    if (typeof bytes === 'string') this.#socket.write(bytes, 'latin1');
    else this.#socket.write(bytes);
  }

  /** The next line, without its end. Throws when there is none and the connection is closed. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 2);
        return line;
      }
      if (this.#isClosed) throw new Error('the server closed the connection');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A command that the server refused: NO or BAD. */
export class ImapRefusal extends Error {}

/** A small IMAP client: one connection, commands one after another, names and answers without literals. */
export class ImapClient {
  readonly #connection: LineConnection;
  #tag = 0;
  #selected = '';

  private constructor(connection: LineConnection) {
    this.#connection = connection;
  }

  static async connect(port: number, user: string, password = 'secret'): Promise<ImapClient> {
    const connection = await LineConnection.open(port);
    const client = new ImapClient(connection);
    await connection.line();
    await client.command(`LOGIN ${quote(user)} ${quote(password)}`);
    return client;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /**
   * Gives one command; answers its untagged lines. What is quoted must be ASCII.
   * @throws {ImapRefusal} with the answer; an error when the connection breaks
   */
  async command(text: string): Promise<readonly string[]> {
    const tag = `t${++this.#tag}`;
    this.#connection.write(`${tag} ${text}\r\n`);
    const untagged: string[] = [];
    for (;;) {
      const line = await this.#connection.line();
      if (!line.startsWith(`${tag} `)) {
        untagged.push(line);
        continue;
      }
      if (line.startsWith(`${tag} OK`)) return untagged;
      throw new ImapRefusal(`${text}: ${line}`);
    }
  }

  /** Opens a mailbox, anew only where another one is open. */
  async select(mailbox: string): Promise<void> {
    if (this.#selected === mailbox) {
      await this.command('NOOP');
      return;
    }
    this.#selected = '';
    await this.command(`SELECT ${quote(mailbox)}`);
    this.#selected = mailbox;
  }

  /** After it any name can be given to another mailbox. */
  async unselect(): Promise<void> {
    if (this.#selected === '') return;
    this.#selected = '';
    await this.command('UNSELECT');
  }

  close(): void {
    this.#connection.close();
  }
}

export const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
