import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, type RedisConfig, readSecret } from '@dsyncd/config';
import { DsyncdError, type Logger, systemClock, systemRandom } from '@dsyncd/core';
import { OutageSink, OutageSpool } from '@dsyncd/notify';
import type { QueueSettings, ReplicationQueue } from '@dsyncd/queue';
import type { RedisServer } from '@dsyncd/queue-redis';

const retryMs = 1_000;

/** The sink of listeners that must serve before, while and after the Redis is there. */
export const openOutageSink = async ({ stateDir }: Config, logger: Logger): Promise<OutageSink> =>
  new OutageSink({
    spool: await OutageSpool.open(join(stateDir, 'outage-spool')),
    isOutage: (error) => error instanceof DsyncdError && error.code.startsWith('DSYNCD_QUEUE_REDIS_'),
    clock: systemClock,
    logger,
  });

export interface FleetEvents {
  readonly onEmptied: () => void;
  readonly onReturned: () => void;
  readonly onVanished: () => void;
}

/**
 * Opens the queue on Redis; while that is down, waits for it.
 * @throws {DsyncdError} for what somebody has to mend: a wrong password, version or name.
 */
export async function openFleetQueue(
  redis: RedisConfig,
  settings: QueueSettings,
  events: FleetEvents,
  logger: Logger,
): Promise<ReplicationQueue> {
  const { backend, prefix, leaseMs } = redis;
  // Loaded only where it is wanted: its packages take many megabytes.
  const { openRedisQueue } = await import('@dsyncd/queue-redis');
  let isTold = false;
  for (;;) {
    try {
      return await openRedisQueue({
        ...(await redisServer(redis)),
        ...events,
        backend,
        prefix,
        leaseMs,
        clock: systemClock,
        random: systemRandom,
        logger,
        settings,
      });
    } catch (error) {
      if (!(error instanceof DsyncdError) || error.outcome !== 'transient') throw error;
      if (!isTold) logger.error({ error }, 'the queue is not there: waiting for it, notifications are kept');
      isTold = true;
      await systemClock.sleep(retryMs);
    }
  }
}

/** @throws {DsyncdError} `DSYNCD_SECRET` or `DSYNCD_QUEUE_REDIS_TLS` (operator) for a file that cannot be used. */
export async function redisServer(redis: RedisConfig): Promise<RedisServer> {
  const { url, username, passwordFile, sentinelPasswordFile, caFile, certFile, keyFile } = redis;
  const secret = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : readSecret(file);
  const password = await secret(passwordFile);
  const sentinelPassword = await secret(sentinelPasswordFile);
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(readPem));
  return {
    url,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  };
}

async function readPem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DsyncdError(
      'DSYNCD_QUEUE_REDIS_TLS',
      `cannot read ${file}: ${error instanceof Error ? error.message : error}`,
      { outcome: 'operator', hint: 'see ca_file, cert_file and key_file in [redis]', cause: error },
    );
  }
}
