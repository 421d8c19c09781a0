import { LineConnection } from './line-connection.ts';

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
