import { type Clock, systemClock } from '@dsyncd/core';
import type { Redis } from 'ioredis';

/**
 * The time of Redis, which is the same for all who share a queue, whatever their own clocks say. It goes on by a clock
 * of this process that nobody sets; {@link adjust} follows the Redis when that is set, or is another one.
 */
export class RedisClock implements Clock {
  readonly #redis: Pick<Redis, 'time'>;
  /** Time of Redis when the clock of this process was at zero. */
  #zeroAt = 0;

  private constructor(redis: Pick<Redis, 'time'>) {
    this.#redis = redis;
  }

  static async open(redis: Pick<Redis, 'time'>): Promise<RedisClock> {
    const clock = new RedisClock(redis);
    await clock.adjust();
    return clock;
  }

  /** Asks Redis. An answer that came late says little: what is known stays as long as it may be true. */
  async adjust(): Promise<void> {
    const sentAt = systemClock.elapsed();
    const [seconds, microseconds] = await this.#redis.time();
    const roundTripMs = systemClock.elapsed() - sentAt;
    const zeroAt = Number(seconds) * 1000 + Number(microseconds) / 1000 - sentAt - roundTripMs / 2;
    if (Math.abs(zeroAt - this.#zeroAt) > roundTripMs / 2) this.#zeroAt = zeroAt;
  }

  now(): number {
    return Math.floor(this.#zeroAt + systemClock.elapsed());
  }

  elapsed(): number {
    return systemClock.elapsed();
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(delayMs, signal);
  }

  after(delayMs: number, task: () => void): () => void {
    return systemClock.after(delayMs, task);
  }
}
