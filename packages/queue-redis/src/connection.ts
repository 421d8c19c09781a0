import { DsyncdError } from '@dsyncd/core';
import { Redis, type RedisOptions } from 'ioredis';
import { type RedisServer, redisLimits } from './options.ts';

const sentinelPort = 26_379;
const reconnectMsMax = 2_000;

/** `place` names the server in messages; it holds no secret. */
export interface RedisPlace {
  readonly place: string;
  readonly options: RedisOptions;
}

/** @throws {DsyncdError} `DSYNCD_QUEUE_REDIS_URL` when it cannot be told where the server is. */
export function redisPlace(server: RedisServer): RedisPlace {
  const { url, sentinels, username, password, tls } = server;
  const access: RedisOptions = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
  if (sentinels !== undefined) {
    if (url !== undefined) throw badUrl('both a URL and sentinels are given', 'give one of them');
    const tlsOptions = tls === undefined ? {} : { tls: tls === true ? {} : tls };
    return {
      place: `${sentinels.name} of the sentinels ${sentinels.addresses.join(', ')}`,
      options: {
        ...access,
        ...tlsOptions,
        ...(tls === undefined
          ? {}
          : { sentinelTLS: tls === true ? {} : tls, enableTLSForSentinelMode: true }),
        name: sentinels.name,
        sentinels: sentinels.addresses.map(sentinelAddress),
        ...(sentinels.password === undefined ? {} : { sentinelPassword: sentinels.password }),
      },
    };
  }
  if (url === undefined) throw badUrl('no server is given', 'give a url such as redis://127.0.0.1:6379');
  if (url.startsWith('unix:/'))
    return { place: url, options: { ...access, path: url.slice('unix:'.length) } };
  return { place: url, options: { ...access, ...fromUrl(url, tls) } };
}

function fromUrl(text: string, tls: RedisServer['tls']): RedisOptions {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text is not repeated: somebody may have put a password into it.
  if (url === undefined || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '')
    throw badUrl('the URL of the Redis is none', 'write redis://HOST:PORT, rediss://HOST:PORT or unix:/PATH');
  if (url.username !== '' || url.password !== '')
    throw badUrl('the URL of the Redis holds a user or password', 'use `username` and `password_file`');
  const db = url.pathname.replace(/^\//, '');
  if (!/^\d{0,4}$/.test(db)) throw badUrl('the URL of the Redis names a bad database', 'it is a number');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    db: Number(db),
    ...(url.protocol === 'rediss:' ? { tls: tls === undefined || tls === true ? {} : tls } : {}),
  };
}

function sentinelAddress(text: string): { host: string; port: number } {
  const [, host, port] = /^\[?([^\]\s]+?)\]?(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined) throw badUrl(`the sentinel ${JSON.stringify(text)} is none`, 'write HOST:PORT');
  return { host, port: port === undefined ? sentinelPort : Number(port) };
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

/** What Redis or the way to it said, in our words. */
export function redisError(error: unknown, place: string): DsyncdError {
  if (error instanceof DsyncdError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const known = replies.find(({ shape }) => shape.test(text));
  if (known !== undefined)
    return new DsyncdError(known.code, `Redis at ${place}: ${known.message}`, {
      outcome: known.outcome,
      hint: known.hint,
      cause: error,
    });
  return new DsyncdError('DSYNCD_QUEUE_REDIS_DOWN', `Redis at ${place} does not answer: ${text}`, {
    outcome: 'transient',
    hint: 'start it, or look at the network; nothing is lost meanwhile: what was not accepted is offered again',
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
