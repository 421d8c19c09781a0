import type { Socket } from 'node:net';
import { listenUnix } from '@dsyncd/process';
import { encodeSyncAnswer, isSyncId, ReplicatorParser } from '@dsyncd/protocol';
import { SinkFeed } from './feed.ts';
import { listenerOf, type SocketOptions, serve, syncRequests } from './notify-socket.ts';
import type { NotifyListener } from './sink.ts';
import { SyncAnswers } from './sync-answers.ts';

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
