import { DsyncdError, silentLogger } from '@dsyncd/core';
import { type ReplicationQueue, withOneSpelling } from '@dsyncd/queue';
import { openConnections, redisError, redisPlace } from './connection.ts';
import { keyBase, type RedisQueueOptions, redisLimits } from './options.ts';
import { RedisClock } from './redis-clock.ts';
import { RedisQueue } from './redis-queue.ts';
import { RedisReplicator } from './redis-replicator.ts';
import { checkServer } from './server-check.ts';

const leaseMsDefault = 10_000;

/**
 * Opens the queue of a backend on a Redis; all replicators that do so share its work.
 * @throws {DsyncdError} `DSYNCD_QUEUE_REDIS_*` when the Redis is not there, does not let us in, is too old,
 *   would forget, or holds keys of somebody else under the prefix.
 */
export async function openRedisQueue(options: RedisQueueOptions): Promise<ReplicationQueue> {
  const { logger = silentLogger, leaseMs = leaseMsDefault } = options;
  const base = keyBase(options);
  if (!(leaseMs >= redisLimits.leaseMsMin))
    throw new DsyncdError('DSYNCD_QUEUE_REDIS_LEASE', `a lease of ${leaseMs} ms is too short`, {
      outcome: 'operator',
      hint: `give at least ${redisLimits.leaseMsMin} ms`,
    });
  const place = redisPlace(options);
  await checkServer(place, base, logger);

  const connections = await openConnections(place, logger);
  let queue: RedisQueue | undefined;
  try {
    const clock = options.clock ?? (await RedisClock.open(connections.commands));
    const replicator = new RedisReplicator(options, { place, connections, clock, leaseMs });
    const opened = new RedisQueue(replicator);
    queue = opened;
    await replicator.open();
    const { usernameFormat = 'as-is' } = options.settings;
    return usernameFormat === 'as-is'
      ? opened
      : withOneSpelling(opened, usernameFormat, (channel) => opened.names(channel));
  } catch (error) {
    await queue?.close().catch(() => {});
    connections.disconnect();
    throw redisError(error, place.place);
  }
}
