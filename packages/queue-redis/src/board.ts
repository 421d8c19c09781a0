import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Logger } from '@dsyncd/core';
import { Queue } from 'bullmq';
import { connect, redisError, redisPlace } from './connection.ts';
import { keyBase, type RedisServer } from './options.ts';
import { sessionQueueName } from './replicator-session.ts';
import { wakeQueueName } from './wake.ts';

export interface BoardOptions extends RedisServer {
  readonly prefix?: string;
  readonly backend: string;
  /** Path that it is to be found at, without a slash at the end. */
  readonly path: string;
  readonly logger: Logger;
}

/** A page that shows the BullMQ queues of one backend: a plugin for Fastify, to be registered under `path`. */
export interface Board {
  readonly plugin: ReturnType<FastifyAdapter['registerPlugin']>;
  close(): Promise<void>;
}

/** What is in them, for a person who wonders. */
const descriptions: Readonly<Record<string, string>> = {
  [sessionQueueName]:
    'One active job a replicator that lives; one that stalls is buried by another replicator.',
  [wakeQueueName]: 'A job while more users are due than the replicator that knows it has workers for.',
};

/** Read-only: a change there would change which replicator holds which user. */
export function openBoard({ path, logger, ...options }: BoardOptions): Board {
  const place = redisPlace(options);
  const connection = connect(place, 'commands', 'dsyncd-board');
  const onError = (error: Error): void => logger.debug({ error }, 'BullMQ: connection problem');
  connection.on('error', onError);
  const queues = Object.keys(descriptions).map(
    (name) => new Queue(name, { connection, prefix: keyBase(options), skipMetasUpdate: true }),
  );
  for (const queue of queues) queue.on('error', onError);
  const server = new FastifyAdapter();
  createBullBoard({
    queues: queues.map(
      (queue) =>
        new BullMQAdapter(queue, {
          readOnlyMode: true,
          allowRetries: false,
          description: descriptions[queue.name] ?? '',
        }),
    ),
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: `dsyncd ${options.backend}`,
        hideRedisDetails: true,
        hideDocsLink: true,
        showWorkers: false,
      },
    },
  });
  server.setBasePath(path);
  // Its own would answer with the stack.
  server.setErrorHandler((error) => {
    const { message } = redisError(error, place.place);
    logger.debug({ error }, 'the page of the BullMQ queues cannot be shown');
    return { status: 500, body: { error: message } };
  });
  return {
    plugin: server.registerPlugin(),
    async close() {
      await Promise.all(queues.map((queue) => queue.close()));
      connection.disconnect();
    },
  };
}
