import { join } from 'node:path';
import { type Config, type RedisConfig, readRedisAccess } from '@dsyncd/config';
import { DsyncdError, type Logger, systemClock, systemRandom } from '@dsyncd/core';
import type { HttpApiParts } from '@dsyncd/http-api';
import { OutageSink, OutageSpool } from '@dsyncd/notify';
import type { QueueSettings, ReplicationQueue } from '@dsyncd/queue';
import { openFleet, openRedisQueue, type RedisFleet, type RedisQueueEvents } from '@dsyncd/queue-redis';

const retryMs = 1_000;

/** The sink of listeners that must serve before, while and after the Redis is there. */
export const openOutageSink = async ({ stateDir }: Config, logger: Logger): Promise<OutageSink> =>
  new OutageSink({
    spool: await OutageSpool.open(join(stateDir, 'outage-spool')),
    isOutage: (error) => error instanceof DsyncdError && error.code.startsWith('DSYNCD_QUEUE_REDIS_'),
    clock: systemClock,
    logger,
  });

export interface FleetQueueParts {
  readonly redis: RedisConfig;
  readonly hostname: string;
  readonly settings: QueueSettings;
  readonly logger: Logger;
}

/**
 * Opens the queue on Redis; while that is down, waits for it.
 * @throws {DsyncdError} for what a person has to fix: a wrong password, version or name.
 */
export async function openFleetQueue(
  { redis, hostname, settings, logger }: FleetQueueParts,
  events: RedisQueueEvents,
): Promise<ReplicationQueue> {
  const { backend, prefix, leaseMs } = redis;
  let isLogged = false;
  for (;;) {
    try {
      return await openRedisQueue({
        ...(await readRedisAccess(redis)),
        events,
        backend,
        prefix,
        hostname,
        leaseMs,
        random: systemRandom,
        logger,
        settings,
      });
    } catch (error) {
      if (!(error instanceof DsyncdError) || error.outcome !== 'transient') throw error;
      if (!isLogged)
        logger.error({ error }, 'the queue is not there: waiting for it, notifications are kept');
      isLogged = true;
      await systemClock.sleep(retryMs);
    }
  }
}

export interface FleetParts {
  readonly fleet: RedisFleet;
  readonly board: NonNullable<HttpApiParts['board']>;
}

/** What shows the fleet. */
export async function openFleetParts(redis: RedisConfig, logger: Logger): Promise<FleetParts> {
  const { backend, prefix } = redis;
  const access = await readRedisAccess(redis);
  return {
    fleet: openFleet({ ...access, prefix }),
    async board(path) {
      const { openBoard } = await import('@dsyncd/queue-redis/board');
      return openBoard({ ...access, prefix, backend, path, logger });
    },
  };
}
