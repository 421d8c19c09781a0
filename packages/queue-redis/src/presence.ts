import type { Logger } from '@dsyncd/core';
import type { Redis } from 'ioredis';
import type { Claims } from './claims.ts';
import { fleetKey } from './options.ts';
import type { ScriptRunner } from './script-runner.ts';

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
