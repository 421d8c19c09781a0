import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { type Logger, priorityCodes, type UserName } from '@dsyncd/core';
import { listenUnix, type SocketAccess } from '@dsyncd/process';
import {
  encodeSyncAnswer,
  isSyncId,
  type NotifyBatch,
  NotifyParser,
  ReplicatorParser,
} from '@dsyncd/protocol';
import type { ListenerOptions, NotifyListener, NotifySink } from '../sink.ts';
import { SinkFeed } from './feed.ts';

export interface SocketOptions extends ListenerOptions {
  /** Default: mode 0o660. */
  readonly access?: Partial<SocketAccess>;
  /** The listening socket, where systemd made it. */
  readonly descriptor?: number;
}

/**
 * Serves `replication-notify`: `USER TAB low|high|sync`, lines; each sync is answered by `+` or `-`,
 * in the order of the requests. The other priorities are not answered.
 */
export async function listenNotifySocket(path: string, options: SocketOptions): Promise<NotifyListener> {
  const feed = new SinkFeed(options, path);
  const serveOne = (socket: Socket): void => {
    const parser = new NotifyParser();
    const answers = new SyncAnswers(socket, options.sink, options.logger.child({ listener: path }));
    serve(socket, feed, (chunk) => {
      const batch = parser.push(chunk);
      const waiting = syncRequests(batch);
      feed.add(batch, { without: waiting });
      for (const index of waiting) {
        const user = batch.users[index];
        if (user !== undefined) answers.inOrder(user, (synced) => (synced ? '+\n' : '-\n'));
      }
    });
  };
  const access = { mode: 0o660, ...options.access };
  const server = await listenUnix(path, access, serveOne, options.descriptor);
  return listenerOf(feed, server.close);
}

/** Reads a connection into `take` until its end; the feed may hold it up. */
export function serve(socket: Socket, feed: SinkFeed, take: (chunk: Buffer) => void): void {
  feed.attach(socket);
  socket.once('close', () => feed.detach(socket));
  // The close that follows says all that matters.
  socket.on('error', () => {});
  socket.on('data', take);
}

/** Indexes of the lines that ask for a sync now. */
export function syncRequests({ priorities }: NotifyBatch): ReadonlySet<number> {
  const found = new Set<number>();
  const { sync } = priorityCodes;
  for (let index = priorities.indexOf(sync); index >= 0; index = priorities.indexOf(sync, index + 1))
    found.add(index);
  return found;
}

export const listenerOf = (feed: SinkFeed, stop: () => Promise<void>): NotifyListener => ({
  get badLines() {
    return feed.badLines;
  },
  get taken() {
    return feed.taken;
  },
  get storedUntil() {
    return feed.storedUntil;
  },
  async close() {
    await stop();
    await feed.settled();
  },
});

/**
 * Serves the `replicator` socket, on which a Dovecot aggregator speaks: a greeting, then
 * `U TAB USER TAB PRIORITY`; a sync has an ID, by which it is answered.
 */
export async function listenReplicatorSocket(path: string, options: SocketOptions): Promise<NotifyListener> {
  const logger = options.logger.child({ listener: path });
  const feed = new SinkFeed(options, path);
  const serveOne = (socket: Socket): void => {
    const parser = new ReplicatorParser();
    const answers = new SyncAnswers(socket, options.sink, logger);
    serve(socket, feed, (chunk) => {
      const batch = parser.push(chunk);
      if ('badGreeting' in batch) {
        logger.warn({ greeting: batch.badGreeting }, 'connection closed: not a replicator client');
        socket.destroy();
        return;
      }
      const waiting = new Set(
        [...syncRequests(batch)].filter((index) => isSyncId(batch.extras.get(index) ?? '')),
      );
      feed.add(batch, { extraIsOrigin: false, without: waiting });
      for (const index of waiting) {
        const user = batch.users[index];
        const id = batch.extras.get(index);
        if (user !== undefined && id !== undefined)
          answers.any(user, (synced) => encodeSyncAnswer(id, synced));
      }
    });
  };
  const access = { mode: 0o660, ...options.access };
  const server = await listenUnix(path, access, serveOne, options.descriptor);
  return listenerOf(feed, server.close);
}

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
