import { type Clock, DsyncdError, type Logger, type Random } from '@dsyncd/core';
import type { QueueSettings } from '@dsyncd/queue';

/** Where the Redis is and how to get in. */
export interface RedisServer {
  /**
   * `redis://HOST[:PORT][/DB]`, `redis+sentinel://HOST[:PORT][,...]/NAME[/DB]` (NAME is what the sentinels
   * call it), with `rediss` in place of `redis` for TLS, or `unix:/PATH`. Never with a password in it.
   */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** For TLS. PEM texts; without `ca`: the authorities of Node. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface RedisQueueOptions extends RedisServer {
  /** All keys begin with it. @defaultValue `dsyncd` */
  readonly prefix?: string;
  /** What this replicator is called where the fleet is shown. @defaultValue that of the operating system */
  readonly hostname?: string;
  /** Which pair of hosts this queue is for. Replicators with the same backend share the work. */
  readonly backend: string;
  /** @defaultValue the time of Redis, so that replicators whose clocks differ plan alike */
  readonly clock?: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  readonly settings: QueueSettings;
  /** Known users of one channel; more are refused. @defaultValue 10,000,000 */
  readonly usersMax?: number;
  /**
   * A replicator that has not been heard of for so long (real milliseconds, from 300) is taken for dead, and
   * its syncs are given to others within twice that time. @defaultValue 10,000
   */
  readonly leaseMs?: number;
  readonly events?: Partial<RedisQueueEvents>;
}

/** What this replicator has to do about the queue on Redis. */
export interface RedisQueueEvents {
  /** Redis came back without what it knew: make the users known again. Only one replicator gets this. */
  emptied(): void;
  /** The connection was lost and is back; what Redis took shortly before may be gone. */
  returned(): void;
  /** Another replicator was found dead. What it had just taken may never have reached the queue. */
  vanished(): void;
}

export const redisLimits = {
  nameCharsMax: 64,
  leaseMsMin: 300,
  /** A command without an answer for so long counts as failed. */
  commandMsMax: 10_000,
  /** Lines that one script merges; longer lists go in pieces, so that no one else waits long. */
  rowsPerScript: 500,
  /** So many users one step of a walk over all of them reads. */
  usersPerScan: 500,
  waitersMax: 20_000,
} as const;

export const prefixDefault = 'dsyncd';
const nameShape = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** What all keys of the queue begin with. The braces keep them on one node of a cluster. */
export function keyBase({
  prefix = prefixDefault,
  backend,
}: Pick<RedisQueueOptions, 'prefix' | 'backend'>): string {
  for (const [what, name] of [
    ['prefix', prefix],
    ['backend', backend],
  ] as const)
    if (!nameShape.test(name) || name.length > redisLimits.nameCharsMax)
      throw new DsyncdError(
        'DSYNCD_QUEUE_REDIS_NAME',
        `the ${what} ${JSON.stringify(name.slice(0, 80))} of the queue on Redis is no name`,
        {
          outcome: 'operator',
          hint: `use up to ${redisLimits.nameCharsMax} of A-Z, a-z, 0-9, ".", "_" and "-"`,
        },
      );
  return `${prefix}:{${backend}}`;
}

/** The sorted set of backends, by when they were heard of last. */
export const fleetKey = (prefix: string): string => `${prefix}:backends`;
