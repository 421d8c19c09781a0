import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import type { Logger, UserName } from '@dsyncd/core';
import type { NotifySink } from './sink.ts';

/** Sync requests of one connection that may wait for their answer; a client beyond it is cut off. */
export const waitersPerConnectionMax = 1000;

/** Waits for the syncs that one connection asked for, and writes the answers. */
export class SyncAnswers {
  readonly #socket: Socket;
  readonly #sink: NotifySink;
  readonly #logger: Logger;
  readonly #gone = new AbortController();
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(socket: Socket, sink: NotifySink, logger: Logger) {
    this.#socket = socket;
    this.#sink = sink;
    this.#logger = logger;
    setMaxListeners(waitersPerConnectionMax, this.#gone.signal);
    socket.once('close', () => this.#gone.abort(new Error('the client has gone')));
    // The client has said all; it may still wait for answers.
    socket.once('end', () => this.#endWhenAnswered());
  }

  /** For clients that count answers. */
  inOrder(user: UserName, answer: (synced: boolean) => string): void {
    const before = this.#last;
    const synced = this.#wait(user);
    if (synced === undefined) return;
    this.#last = before.then(async () => this.#write(answer(await synced)));
  }

  /** For clients whose requests have an ID. */
  any(user: UserName, answer: (synced: boolean) => string): void {
    void this.#wait(user)?.then((synced) => this.#write(answer(synced)));
  }

  /** Never rejects: a sync of which nobody knows how it went has failed. */
  #wait(user: UserName): Promise<boolean> | undefined {
    if (this.#waiting >= waitersPerConnectionMax) {
      this.#logger.warn({ waiters: this.#waiting }, 'connection closed: too many sync requests at once');
      this.#socket.destroy();
      return undefined;
    }
    this.#waiting++;
    return this.#sink
      .waitForSync(user, this.#gone.signal)
      .catch((error: unknown) => {
        if (!this.#gone.signal.aborted) this.#logger.warn({ user, error }, 'sync request failed');
        return false;
      })
      .finally(() => {
        this.#waiting--;
      });
  }

  #write(line: string): void {
    if (!this.#socket.writable) return;
    this.#socket.write(line);
    if (this.#socket.readableEnded) this.#endWhenAnswered();
  }

  #endWhenAnswered(): void {
    if (this.#waiting === 0) this.#socket.end();
  }
}
