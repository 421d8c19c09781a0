import { LineConnection } from './imap-client.ts';

/** A mail as it goes over the wire must end with CRLF; what does not gets one, as every MTA would do it. */
export const asSent = (body: Buffer): Buffer =>
  body.subarray(-2).equals(crlf) ? body : Buffer.concat([body, crlf]);

const crlf = Buffer.from('\r\n');

/** A small LMTP client: one connection, mails one after another. */
export class LmtpClient {
  readonly #connection: LineConnection;

  private constructor(connection: LineConnection) {
    this.#connection = connection;
  }

  /** @param address - path of a unix socket, or a port on loopback */
  static async connect(address: string | number): Promise<LmtpClient> {
    const client = new LmtpClient(await LineConnection.open(address));
    await client.#expect('220');
    client.#send('LHLO localhost\r\n');
    await client.#expect('250');
    return client;
  }

  /**
   * Delivers one mail; answers one reply line a recipient, in their order.
   * @throws when the server refuses sender, all recipients or DATA, or closes the connection.
   */
  async deliver(recipients: readonly string[], body: Buffer): Promise<readonly string[]> {
    this.#send('MAIL FROM:<sender@example.com> BODY=8BITMIME\r\n');
    await this.#expect('250');
    const refusals = new Map<string, string>();
    for (const recipient of recipients) {
      this.#send(`RCPT TO:<${recipient}>\r\n`);
      const reply = await this.#reply();
      if (!reply.startsWith('250')) refusals.set(recipient, reply);
    }
    if (refusals.size < recipients.length) {
      this.#send('DATA\r\n');
      await this.#expect('354');
      this.#connection.write(stuffDots(asSent(body)));
      this.#send('.\r\n');
    }
    const replies: string[] = [];
    for (const recipient of recipients) replies.push(refusals.get(recipient) ?? (await this.#reply()));
    if (refusals.size === recipients.length) {
      this.#send('RSET\r\n');
      await this.#expect('250');
    }
    return replies;
  }

  close(): void {
    this.#connection.close();
  }

  #send(text: string): void {
    this.#connection.write(text);
  }

  async #expect(code: string): Promise<void> {
    const reply = await this.#reply();
    if (!reply.startsWith(code)) throw new Error(`LMTP server answered: ${reply}`);
  }

  /** The last line of the next reply. */
  async #reply(): Promise<string> {
    for (;;) {
      const line = await this.#connection.line();
      if (line[3] !== '-') return line;
    }
  }
}

/** Doubles a dot at the start of a line (RFC 5321 section 4.5.2); only CRLF ends a line. */
function stuffDots(body: Buffer): Buffer {
  const text = body.toString('latin1');
  return Buffer.from(text.replaceAll('\r\n.', '\r\n..').replace(/^\./, '..'), 'latin1');
}
