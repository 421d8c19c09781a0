import type { BackendStatus, Logger, ReplicatorStatus } from '@dsyncd/core';
import type { FleetView } from '@dsyncd/queue';
import type { Redis } from 'ioredis';
import type { Claims } from './claims.ts';
import { connect, redisError, redisPlace } from './connection.ts';
import { fleetKey, keyBase, prefixDefault, type RedisServer } from './options.ts';
import { ScriptRunner } from './script-runner.ts';
import { channelStatus, type RawStatus } from './user-status.ts';

/** A view of the fleet shows no more: the latest ones. */
const backendsMax = 1_000;

export interface FleetOptions extends RedisServer {
  /** @defaultValue `dsyncd` */
  readonly prefix?: string;
}

export interface RedisFleet extends FleetView {
  close(): void;
}

/**
 * The backends under a prefix, for all that may read the Redis. Connects when it is first asked.
 * @throws {DsyncdError} `DSYNCD_QUEUE_REDIS_URL`
 */
export function openFleet({ prefix = prefixDefault, ...server }: FleetOptions): RedisFleet {
  const place = redisPlace(server);
  const redis = connect(place, 'commands', 'dsyncd-fleet');
  let problem: Error | undefined;
  redis.on('error', (error) => (problem = error));
  redis.on('ready', () => (problem = undefined));
  const backend = async (name: string, seenAt: number): Promise<BackendStatus | undefined> => {
    const scripts = new ScriptRunner(redis, keyBase({ prefix, backend: name }), place.place);
    const raw = (await scripts.run('fleet', {})) as RawBackend | null;
    // None: deleted by a person, or Redis has forgotten it and nobody of it has come back.
    return raw === null ? undefined : { backend: name, seenAt, ...backendStatus(raw) };
  };
  return {
    async backends() {
      try {
        const flat = await redis.zrevrange(fleetKey(prefix), 0, backendsMax - 1, 'WITHSCORES');
        const found = await Promise.all(
          flat.flatMap((name, index) => (index % 2 === 0 ? [backend(name, Number(flat[index + 1]))] : [])),
        );
        return found.filter((each) => each !== undefined).sort(byName);
      } catch (error) {
        // Why there is no connection says more than that a command had none.
        throw redisError(problem ?? error, place.place);
      }
    },
    close: () => redis.disconnect(),
  };
}

/** time, statuses (JSON), sessions and members (JSON) in turn, ids of leases */
type RawBackend = readonly [number, readonly string[], readonly string[], readonly string[]];

const byName = (a: BackendStatus, b: BackendStatus): number => (a.backend < b.backend ? -1 : 1);

function backendStatus([now, statuses, members, leases]: RawBackend): Pick<
  BackendStatus,
  'replicators' | 'channels'
> {
  const replicators: ReplicatorStatus[] = [];
  for (let index = 0; index + 1 < members.length; index += 2) {
    const mark = `${members[index]}/`;
    const member = JSON.parse(members[index + 1] ?? '') as Member & { readonly seenAt: number };
    const { hostname, pid, startedAt, seenAt, leaseMs } = member;
    const running = leases.filter((id) => id.startsWith(mark)).length;
    replicators.push({ hostname, pid, startedAt, seenAt, alive: now - seenAt <= leaseMs, running });
  }
  replicators.sort((a, b) => a.startedAt - b.startedAt || a.pid - b.pid);
  return { replicators, channels: statuses.map(fleetChannel) };
}

function fleetChannel(text: string): BackendStatus['channels'][number] {
  const raw = JSON.parse(text) as RawStatus & { readonly channel: string; readonly behind: number };
  return { ...channelStatus(raw.channel, raw), usersBehind: raw.behind };
}

/** A backend of which nothing was heard for so long is no part of the fleet any more. */
const forgottenAfterMs = 30 * 24 * 3_600_000;

/** What each replicator says of itself with each sign of life. */
export interface Member {
  readonly hostname: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly leaseMs: number;
}

export interface PresenceOptions {
  readonly redis: Redis;
  readonly scripts: ScriptRunner;
  readonly claims: Pick<Claims, 'input'>;
  readonly prefix: string;
  readonly backend: string;
  readonly member: Member;
  readonly logger: Logger;
}

/** Shows this replicator and its backend to the fleet. The queue works without it. */
export class Presence {
  readonly #options: PresenceOptions;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async enter(session: string): Promise<void> {
    const { redis, prefix, logger } = this.#options;
    try {
      const now = await this.beat(session);
      await redis.zremrangebyscore(fleetKey(prefix), '-inf', now - forgottenAfterMs);
    } catch (error) {
      logger.warn({ error }, 'this replicator cannot be shown in the fleet');
    }
  }

  /** Answers the time of Redis. */
  async beat(session: string): Promise<number> {
    const { redis, scripts, claims, prefix, backend, member } = this.#options;
    const now = await scripts.count('beat', claims.input({ session, member }));
    await redis.zadd(fleetKey(prefix), now, backend);
    return now;
  }
}
