import type { Socket } from 'node:net';
import { priorityCodes } from '@dsyncd/core';
import { listenUnix, type SocketAccess } from '@dsyncd/process';
import { type NotifyBatch, NotifyParser } from '@dsyncd/protocol';
import { SinkFeed } from './feed.ts';
import type { ListenerOptions, NotifyListener } from './sink.ts';
import { SyncAnswers } from './sync-answers.ts';

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
