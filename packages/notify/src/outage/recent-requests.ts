import { type Clock, priorityCodes } from '@dsyncd/core';
import { MergedRequests } from '../merge.ts';
import type { NotifyRequest } from '../sink.ts';

/** A queue that fails over or dies loses at most this much of what it took, or it is set up badly. */
export const recentMs = 15_000;
/** Of each half; what is beyond is left to the periodic sync. */
export const recentUsersMax = 200_000;

/** What was asked for in the last 15 to 30 seconds, merged by user. */
export class RecentRequests {
  readonly #clock: Clock;
  #young = new MergedRequests();
  #old = new MergedRequests();
  #turnAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnAt = clock.elapsed() + recentMs;
  }

  add(batch: readonly NotifyRequest[]): void {
    this.#turn();
    for (const { user, priority, origin } of batch) {
      if (this.#young.size >= recentUsersMax) return;
      this.#young.add(user, priorityCodes[priority], origin);
    }
  }

  /** Takes them out. */
  all(): readonly NotifyRequest[] {
    this.#turn();
    const merged = new MergedRequests();
    for (const { user, priority, origin } of [...this.#old.take(), ...this.#young.take()])
      merged.add(user, priorityCodes[priority], origin);
    return merged.take();
  }

  #turn(): void {
    const now = this.#clock.elapsed();
    if (now < this.#turnAt) return;
    this.#old = now < this.#turnAt + recentMs ? this.#young : new MergedRequests();
    this.#young = new MergedRequests();
    this.#turnAt = now + recentMs;
  }
}
