import { LmtpClient, until } from '@dsyncd/testkit';
import type { GuideHost } from './guide-host.ts';

let sendersCount = 0;

/** Mail comes all the time, but each host has time for something else, too. */
const pauseMs = 200;
const pause = async (ms: number): Promise<void> => {
  await new Promise((wake) => setTimeout(wake, ms));
};

/** An MTA that delivers mail to one host without an end, and tries again what was not taken. */
export class Sender {
  /** Message-IDs of mails that were taken, by user. */
  readonly taken = new Map<string, string[]>();
  /** Those where the connection ended before the answer came: they may be there twice. */
  readonly unclear = new Set<string>();
  readonly #users: readonly string[];
  readonly #prefix: string;
  #host: GuideHost;
  #isOver = false;
  #running: Promise<void> | undefined;

  /** @param users - to whom, by turns */
  constructor(host: GuideHost, users: readonly string[]) {
    this.#host = host;
    this.#users = users;
    this.#prefix = `${host.name}.${++sendersCount}`;
    this.#running = this.#send();
  }

  /** The transport map now names another host. */
  redirect(host: GuideHost): void {
    this.#host = host;
  }

  get count(): number {
    return [...this.taken.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Waits until some more mails have been taken. */
  async more(mails: number): Promise<void> {
    const wanted = this.count + mails;
    await until('more mail is taken', () => this.count >= wanted, { timeoutMs: 30_000 });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #send(): Promise<void> {
    for (let number = 1; !this.#isOver; number++) {
      const user = this.#users[number % this.#users.length] ?? '';
      const id = `<${this.#prefix}.${number}@sender.test>`;
      const isDone = async (): Promise<boolean> => this.#isOver || (await this.#deliver(user, id));
      await until('the mail is taken', isDone, { everyMs: 100, timeoutMs: 60_000 });
      await pause(pauseMs);
    }
  }

  async #deliver(user: string, id: string): Promise<boolean> {
    let client: LmtpClient | undefined;
    try {
      client = await LmtpClient.connect(this.#host.path('/run/dovecot/lmtp'));
      const body = Buffer.from(`Message-ID: ${id}\r\nSubject: ${id}\r\n\r\nText\r\n`);
      const [reply = ''] = await client.deliver([user], body);
      if (!reply.startsWith('250')) return false;
      this.taken.set(user, [...(this.taken.get(user) ?? []), id]);
      return true;
    } catch {
      // Dovecot is not there for a moment, or ended while it had the mail.
      if (client !== undefined) this.unclear.add(id);
      return false;
    } finally {
      client?.close();
    }
  }
}
