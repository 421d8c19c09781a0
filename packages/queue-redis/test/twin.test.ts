import {
  type OutcomeKind,
  outcomeRules,
  parseUserName,
  type Random,
  type RequestPriority,
  type UserStatus,
} from '@dsyncd/core';
import { type Claim, openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { seededRandom } from '@dsyncd/testkit';
import { describe, expect, it } from 'vitest';
import { claimNow, Place, settings, usersOf } from './place.ts';

const users = Array.from({ length: 8 }, (_, index) => parseUserName(`user${index}@example.com`));
const outcomes = Object.keys(outcomeRules) as OutcomeKind[];
const failing: readonly OutcomeKind[] = ['transient', 'operator'];

/** The embedded model and the queue on Redis, told the same at the same instants. */
class Twins {
  readonly #pair: readonly [ReplicationQueue, ReplicationQueue];
  readonly #random: Random;
  readonly #claims: (readonly [Claim, Claim])[] = [];
  readonly clock: VirtualClock;
  syncs = 0;
  /** The peer is down: most syncs fail. */
  isDown = false;
  trips = 0;

  constructor(pair: readonly [ReplicationQueue, ReplicationQueue], clock: VirtualClock, random: Random) {
    this.#pair = pair;
    this.clock = clock;
    this.#random = random;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random.fraction() * list.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#random.fraction() < share;
  }

  async #both<T>(act: (queue: ReplicationQueue) => Promise<T>): Promise<readonly [T, T]> {
    const [model, redis] = this.#pair;
    return [await act(model), await act(redis)];
  }

  async step(): Promise<void> {
    // Unequal instants: users of one rank have no order among them.
    this.clock.advance(1 + Math.floor(this.#random.fraction() ** 6 * 4e6));
    const channel = this.#pick(settings.channels);
    const user = this.#pick(users);
    const dice = this.#random.fraction();
    if (dice < 0.3) {
      const priority = this.#pick<RequestPriority>(['low', 'high', 'sync']);
      const request = { user, priority, full: this.#chance(0.1), byOperator: this.#chance(0.1) };
      await this.#both((queue) => queue.request(channel, [request]));
    } else if (dice < 0.6) await this.#claim();
    else if (dice < 0.85) await this.#end();
    else if (dice < 0.9) await this.#same((queue) => queue.remove(channel, user));
    else if (dice < 0.95) await this.#both((queue) => queue.add(channel, [user]));
    else if (dice < 0.97) {
      const options = { priority: 'low', full: this.#chance(0.3) } as const;
      await this.#same((queue) => queue.replicate(channel, 'user[0]?@*', options));
    } else if (dice < 0.975) await this.#both((queue) => queue.pause(channel));
    else if (dice < 0.98) await this.#same((queue) => queue.pauseUsers(channel, user));
    else if (dice < 0.985) await this.#same((queue) => queue.resumeUsers(channel, 'user*'));
    else await this.#both((queue) => queue.resume(channel));
  }

  async #claim(): Promise<void> {
    const [model, redis] = await this.#both(claimNow);
    expect({ ...redis, id: 0 }).toEqual({ ...model, id: 0 });
    if (model !== undefined && redis !== undefined) this.#claims.push([model, redis]);
  }

  async #end(): Promise<void> {
    const index = Math.floor(this.#random.fraction() * this.#claims.length);
    const [claims] = this.#claims.splice(index, 1);
    if (claims === undefined) return;
    this.syncs++;
    const usual = this.isDown ? 'transient' : 'ok';
    const outcome = this.#chance(this.isDown ? 0.9 : 0.5) ? usual : this.#pick(outcomes);
    const isAbandoned = this.#chance(0.1);
    const completion = {
      outcome,
      full: this.#chance(0.7),
      ...(this.#chance(0.7) ? { state: this.#pick(['', 'one', 'two']) } : {}),
      ...(this.#chance(0.2) ? { proofAfterMs: 1_000 } : {}),
      ...(failing.includes(outcome)
        ? { failure: { code: 'DSYNCD_CONFIG', reason: 'because', hint: 'do' } }
        : {}),
    };
    const [model, redis] = this.#pair;
    for (const [queue, claim] of [
      [model, claims[0]],
      [redis, claims[1]],
    ] as const)
      await (isAbandoned ? queue.abandon(claim) : queue.complete(claim, completion));
  }

  async #same<T>(act: (queue: ReplicationQueue) => Promise<T>): Promise<void> {
    const [model, redis] = await this.#both(act);
    expect(redis).toEqual(model);
  }

  async compare(): Promise<void> {
    for (const channel of settings.channels) {
      await this.#same((queue) => queue.channelStatus(channel));
      if ((await this.#pair[1].channelStatus(channel)).breaker.state !== 'closed') this.trips++;
      await this.#same((queue) => queue.lagCounts(channel, [0, 5_000, 600_000]));
      const [model, redis] = await this.#both((queue) => usersOf(queue, channel));
      const sorted = (map: Map<string, UserStatus>): UserStatus[] =>
        [...map.values()].sort((one, other) => (one.user < other.user ? -1 : 1));
      expect(sorted(redis)).toEqual(sorted(model));
    }
  }
}

describe('the queue on Redis and the embedded model', () => {
  it.each([1, 2, 3, 4])('do the same, whatever happens (seed %d)', async (seed) => {
    const place = await Place.make();
    const clock = new VirtualClock();
    const random: Random = { fraction: () => 0.25, hex: (count) => '0'.repeat(count * 2) };
    const model = openMemoryQueue({ clock, random, settings });
    const redis = await place.open({ clock, random, leaseMs: 10_000 });
    const twins = new Twins([model, redis], clock, seededRandom(seed));
    for (let step = 0; step < 1200; step++) {
      twins.isDown = step % 300 > 150;
      await twins.step();
      if (step % 10 === 0) await twins.compare();
    }
    await twins.compare();
    expect(twins.syncs).toBeGreaterThan(100);
    expect(twins.trips).toBeGreaterThan(5);
  });
});
