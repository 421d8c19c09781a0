import { DsyncdError, type Logger } from '@dsyncd/core';
import type { Redis } from 'ioredis';
import { connect, type RedisPlace, redisError } from './connection.ts';

const versionMin = [6, 2] as const;
const format = '1';
/** Rounds of SCAN that look for foreign keys; it is done once in the life of a queue. */
const scanRoundsMax = 10_000;

/**
 * Is this a Redis that the queue can live on? One try, one connection.
 * @throws {DsyncdError} `DSYNCD_QUEUE_REDIS_DOWN`, `_PASSWORD`, `_VERSION`, `_UNFIT`, `_FOREIGN` or `_FORMAT`.
 */
export async function checkServer(place: RedisPlace, base: string, logger: Logger): Promise<void> {
  const redis = connect(place, 'probe', 'dsyncd-check');
  let seen: unknown;
  redis.on('error', (error) => (seen ??= error));
  try {
    await redis.connect();
    checkInfo(readInfo(await redis.info()), place, logger);
    await takePrefix(redis, base, place);
  } catch (error) {
    throw redisError(error instanceof DsyncdError ? error : (seen ?? error), place.place);
  } finally {
    redis.disconnect();
  }
}

const readInfo = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );

function checkInfo(info: ReadonlyMap<string, string>, { place }: RedisPlace, logger: Logger): void {
  const version = info.get('redis_version') ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < versionMin[0] || (major === versionMin[0] && minor < versionMin[1]))
    throw new DsyncdError(
      'DSYNCD_QUEUE_REDIS_VERSION',
      `Redis at ${place} is version ${version.slice(0, 20)}`,
      {
        outcome: 'operator',
        hint: `the queue needs Redis ${versionMin.join('.')} or later`,
      },
    );
  if (info.get('role') === 'slave')
    throw unfit(`Redis at ${place} is a replica`, 'name its master, or use sentinels, which know it');
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction' && info.get('maxmemory') !== '0')
    throw unfit(
      `Redis at ${place} throws keys away when its memory is full (maxmemory-policy ${policy})`,
      'set maxmemory-policy noeviction: a queue must refuse rather than forget',
    );
  if (info.get('aof_enabled') === '0')
    logger.warn(
      { redis: place },
      'Redis keeps no append-only file: what it accepted is lost when it restarts',
    );
}

const unfit = (message: string, hint: string): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_REDIS_UNFIT', message, { outcome: 'operator', hint });

/** Puts our mark under the prefix, or finds it there. */
async function takePrefix(redis: Redis, base: string, { place }: RedisPlace): Promise<void> {
  const found = await redis.hget(`${base}:meta`, 'format');
  if (found === format) return;
  if (found !== null)
    throw new DsyncdError(
      'DSYNCD_QUEUE_REDIS_FORMAT',
      `the queue under ${base} in Redis at ${place} has format ${found.slice(0, 20)}, this dsyncd writes ${format}`,
      { outcome: 'operator', hint: 'run the same version on all replicators of a backend' },
    );
  const stranger = await firstKey(redis, base);
  if (stranger !== undefined)
    throw new DsyncdError(
      'DSYNCD_QUEUE_REDIS_FOREIGN',
      `Redis at ${place} has the key ${JSON.stringify(stranger.slice(0, 120))}, which is no part of a queue of dsyncd`,
      {
        outcome: 'operator',
        hint: 'choose another `prefix` in [redis], or delete the key if it is of no use',
      },
    );
  await redis.hsetnx(`${base}:meta`, 'format', format);
}

async function firstKey(redis: Redis, base: string): Promise<string | undefined> {
  let cursor = '0';
  for (let round = 0; round < scanRoundsMax; round++) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${base}:*`, 'COUNT', 1000);
    // Another replicator may be starting on the same empty queue.
    const stranger = keys.find((key) => key !== `${base}:meta`);
    if (stranger !== undefined)
      return (await redis.hget(`${base}:meta`, 'format')) === format ? undefined : stranger;
    if (next === '0') return undefined;
    cursor = next;
  }
  return undefined;
}
