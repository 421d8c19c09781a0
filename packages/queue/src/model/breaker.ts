import type { BreakerStatus, Random } from '@dsyncd/core';
import { timing } from './timing.ts';

const culpritsMax = 1_024;

/**
 * The circuit breaker of one channel: keeps a dead peer from being hammered.
 *
 * closed --(failures in a row, of two users at least)--> open --(delay passed, one sync claimed)-->
 * half-open --(it failed)--> open with a longer delay; any success --> closed. One user that keeps
 * failing alone does not open it: its own backoff paces it, and the others are not to suffer.
 */
export class Breaker {
  #state: BreakerStatus['state'] = 'closed';
  #failures = 0;
  #retryAt = 0;
  #delayMs = 0;
  #lastReason: string | undefined;
  readonly #culprits = new Set<number>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Nothing may be claimed before this instant; Infinity while one sync tries the peer. */
  get gateAt(): number {
    if (this.#state === 'closed') return Number.NEGATIVE_INFINITY;
    return this.#state === 'open' ? this.#retryAt : Number.POSITIVE_INFINITY;
  }

  get failuresInRow(): number {
    return this.#failures;
  }

  /** Call it for each claimed sync; true when that sync is the one that tries the peer. */
  started(): boolean {
    if (this.#state !== 'open') return false;
    this.#state = 'half-open';
    return true;
  }

  /** The peer answered. Answers the users whose syncs failed meanwhile: it was not their fault. */
  succeeded(): readonly number[] {
    const released = this.#state === 'closed' ? [] : [...this.#culprits];
    this.#state = 'closed';
    this.#failures = 0;
    this.#delayMs = 0;
    this.#lastReason = undefined;
    this.#culprits.clear();
    return released;
  }

  /** Answers true when the channel is held back by this failure. */
  failed(user: number, reason: string | undefined, isProbe: boolean, now: number): boolean {
    this.#failures++;
    this.#lastReason = reason;
    if (this.#culprits.size < culpritsMax) this.#culprits.add(user);
    const trips =
      this.#state === 'closed' && this.#failures >= timing.breakerFailuresMin && this.#culprits.size > 1;
    if (!trips && !isProbe) return false;
    this.#delayMs = Math.min(timing.breakerMaxMs, Math.max(timing.breakerFirstMs, this.#delayMs * 2));
    this.#state = 'open';
    this.#retryAt = now + Math.round(this.#delayMs * (1 - this.#random.fraction() / 4));
    return true;
  }

  /** A sync ended in a way that says nothing of the peer: let the next one try at once. */
  undecided(isProbe: boolean, now: number): void {
    if (!isProbe || this.#state !== 'half-open') return;
    this.#state = 'open';
    this.#retryAt = now;
  }

  /** The clock was set back by so much: the peer is tried as soon as it would have been. */
  setBack(byMs: number): void {
    this.#retryAt -= byMs;
  }

  status(): BreakerStatus {
    return {
      state: this.#state,
      consecutiveFailures: this.#failures,
      retryAt: this.#state === 'open' ? this.#retryAt : undefined,
      lastReason: this.#lastReason,
    };
  }
}
