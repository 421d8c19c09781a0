import { DsyncdError, type Logger, messageOf, systemClock } from '@dsyncd/core';
import { Redis, type RedisOptions } from 'ioredis';
import { type RedisServer, redisLimits } from './options.ts';

const sentinelPort = 26_379;
const reconnectMsMax = 2_000;

/** `place` names the server in messages; it holds no secret. */
export interface RedisPlace {
  readonly place: string;
  readonly options: RedisOptions;
}

/** @throws {DsyncdError} `DSYNCD_QUEUE_REDIS_URL` when the URL does not say where the server is. */
export function redisPlace({ url, username, password, sentinelPassword, tls }: RedisServer): RedisPlace {
  const access: RedisOptions = {
    username,
    password,
    sentinelPassword,
  };
  if (url.startsWith('unix:/'))
    return { place: url, options: { ...access, path: url.slice('unix:'.length) } };
  const parts = urlShape.exec(url);
  // The text is not repeated: somebody may have put a password into it.
  if (parts === null) throw badUrl('the URL of the Redis is none', `write ${urlForms}`);
  const { scheme, via, hosts = '', path = '' } = parts.groups ?? {};
  if (hosts.includes('@'))
    throw badUrl('the URL of the Redis holds a user or password', 'use `username` and `password_file`');
  const secure = scheme === 'rediss' ? (tls ?? {}) : undefined;
  const options = via === undefined ? oneServer(hosts, path, secure) : sentinelServers(hosts, path, secure);
  return { place: url, options: { ...access, ...options } };
}

const urlForms =
  'redis://HOST:PORT, redis+sentinel://HOST:PORT,HOST:PORT/NAME, the same with rediss for TLS, or unix:/PATH';
const urlShape = /^(?<scheme>rediss?)(?<via>\+sentinel)?:\/\/(?<hosts>[^/\s]+)(?<path>\/\S*)?$/;

function oneServer(text: string, path: string, tls: RedisServer['tls']): RedisOptions {
  return { ...hostAndPort(text, 6379), db: database(path.slice(1)), tls };
}

function sentinelServers(text: string, path: string, tls: RedisServer['tls']): RedisOptions {
  const [, name = '', db = ''] = path.split('/');
  if (name === '') throw badUrl('the URL of the sentinels does not say of what', `write ${urlForms}`);
  return {
    name,
    db: database(db),
    sentinels: text.split(',').map((each) => hostAndPort(each, sentinelPort)),
    ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
}

function hostAndPort(text: string, portDefault: number): { host: string; port: number } {
  const [, v6, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = v6 ?? plain;
  if (host === undefined || Number(port ?? 1) > 65_535)
    throw badUrl('the URL of the Redis names no host and port', `write ${urlForms}`);
  return { host, port: port === undefined ? portDefault : Number(port) };
}

function database(text: string): number {
  if (!/^\d{0,4}$/.test(text)) throw badUrl('the URL of the Redis names a bad database', 'it is a number');
  return Number(text);
}

const badUrl = (message: string, hint: string): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_REDIS_URL', message, { outcome: 'operator', hint });

/**
 * `commands`: an answer or an error within seconds. `worker`: for BullMQ, which waits for as long as it
 * takes. `probe`: one try.
 */
export type ConnectionKind = 'commands' | 'worker' | 'probe';

export function connect({ options }: RedisPlace, kind: ConnectionKind, name: string): Redis {
  return new Redis({
    ...options,
    connectionName: name,
    lazyConnect: true,
    connectTimeout: redisLimits.commandMsMax,
    maxRetriesPerRequest: kind === 'worker' ? null : kind === 'commands' ? 2 : 0,
    ...(kind === 'worker' ? {} : { commandTimeout: redisLimits.commandMsMax }),
    retryStrategy:
      kind === 'probe' ? () => null : (times) => Math.min(reconnectMsMax, 50 * 2 ** Math.min(times, 6)),
    // After a failover the old master may answer for a moment: go and look for the new one, then send again.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  });
}

/** Those of one replicator: BullMQ waits on its own, and the one that hears answers can send nothing. */
export interface Connections {
  readonly commands: Redis;
  readonly worker: Redis;
  readonly answers: Redis;
  disconnect(): void;
}

export async function openConnections(place: RedisPlace, logger: Logger): Promise<Connections> {
  const all: Redis[] = [];
  const disconnect = (): void => {
    for (const redis of all) redis.disconnect();
  };
  const open = async (kind: ConnectionKind, name: string): Promise<Redis> => {
    const redis = connect(place, kind, `dsyncd-${name}`);
    redis.on('error', (error) => logger.debug({ error }, 'connection to Redis'));
    all.push(redis);
    // BullMQ would connect by itself what it is given unconnected.
    await redis.connect();
    return redis;
  };
  try {
    return {
      commands: await open('commands', 'commands'),
      worker: await open('worker', 'worker'),
      answers: await open('worker', 'answers'),
      disconnect,
    };
  } catch (error) {
    disconnect();
    throw redisError(error, place.place);
  }
}

/** What Redis or the way to it said, in our words. */
export function redisError(error: unknown, place: string): DsyncdError {
  if (error instanceof DsyncdError) return error;
  const text = messageOf(error);
  const known = replies.find(({ shape }) => shape.test(text));
  if (known !== undefined)
    return new DsyncdError(known.code, `Redis at ${place}: ${known.message}`, {
      outcome: known.outcome,
      hint: known.hint,
      cause: error,
    });
  return new DsyncdError('DSYNCD_QUEUE_REDIS_DOWN', `Redis at ${place} does not answer: ${text}`, {
    outcome: 'transient',
    hint: 'start it, or check the network; nothing is lost meanwhile: what was not accepted is offered again',
    cause: error,
  });
}

const replies = [
  {
    shape: /^(WRONGPASS|NOAUTH|ERR AUTH|ERR invalid (username-)?password|ERR Client sent AUTH)/,
    code: 'DSYNCD_QUEUE_REDIS_PASSWORD',
    outcome: 'operator',
    message: 'it does not accept the password',
    hint: 'compare `username` and `password_file` of [redis] with the users of that Redis',
  },
  {
    shape: /^NOPERM/,
    code: 'DSYNCD_QUEUE_REDIS_PASSWORD',
    outcome: 'operator',
    message: 'the user may not do what the queue needs',
    hint: 'grant the user all commands on the keys and channels that begin with the prefix, and INFO and SCAN',
  },
  {
    shape: /WRONGTYPE/,
    code: 'DSYNCD_QUEUE_REDIS_FOREIGN',
    outcome: 'operator',
    message: 'a key of the queue holds something else',
    hint: 'another program uses the same prefix: choose a `prefix` of our own in [redis]',
  },
  {
    shape: /^(OOM|MISCONF|NOREPLICAS)/,
    code: 'DSYNCD_QUEUE_REDIS_FULL',
    outcome: 'transient',
    message: 'it takes no writes now (memory, disk or replicas)',
    hint: 'see its log; give it more memory or disk, or start its replicas',
  },
] as const;

const closingMsMax = 2_000;

/**
 * For what is to end with the queue: waits for it, but not for ever. What was asked of a Redis that is away
 * never comes back, not even when the connection is given up. Never rejects.
 */
export async function waitForClosing(task: Promise<unknown>): Promise<void> {
  const isDone = new AbortController();
  await Promise.race([
    task.catch(() => {}).finally(() => isDone.abort()),
    systemClock.sleep(closingMsMax, isDone.signal).catch(() => {}),
  ]);
}
