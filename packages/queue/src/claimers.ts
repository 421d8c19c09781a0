import type { Clock } from '@dsyncd/core';
import type { ClaimHead } from './model/running-claim.ts';

/** Timers of Node overflow beyond 24.8 days; looking once an hour costs nothing. */
const timerMsMax = 3_600_000;

export interface ClaimersOptions {
  readonly clock: Pick<Clock, 'after'>;
  readonly now: () => number;
  readonly claim: (now: number) => ClaimHead | undefined;
  readonly wakeAt: (now: number) => number;
}

/** Workers that wait for something to be due, first come, first served. */
export class Claimers {
  readonly #options: ClaimersOptions;
  readonly #waiting = new Set<(head: ClaimHead | undefined) => void>();
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(options: ClaimersOptions) {
    this.#options = options;
  }

  /** What is due now or will be next; undefined when the signal aborts or the queue closes. */
  next(signal: AbortSignal): Promise<ClaimHead | undefined> {
    if (signal.aborted || this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const answer = (head: ClaimHead | undefined): void => {
        this.#waiting.delete(answer);
        signal.removeEventListener('abort', onAbort);
        resolve(head);
      };
      const onAbort = (): void => answer(undefined);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(answer);
      this.serve();
    });
  }

  /** To be called whenever something may have become due, or due earlier. */
  serve(): void {
    for (const answer of this.#waiting) {
      const head = this.#options.claim(this.#options.now());
      if (head === undefined) {
        this.#arm();
        return;
      }
      answer(head);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const answer of [...this.#waiting]) answer(undefined);
  }

  #arm(): void {
    const now = this.#options.now();
    const at = Math.min(this.#options.wakeAt(now), now + timerMsMax);
    if (at === this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = this.#options.clock.after(Math.max(1, Math.ceil(at - now)), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#cancelTimer = undefined;
      this.serve();
    });
  }
}
