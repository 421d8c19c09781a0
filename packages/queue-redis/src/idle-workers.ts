import type { Clock } from '@dsyncd/core';
import type { Claim } from '@dsyncd/queue';

/** What one look at Redis gave: a claim, or when to look again (Unix milliseconds; Infinity: never). */
export interface Look {
  readonly claim: Claim | undefined;
  readonly wakeAt: number;
}

export interface IdleWorkersOptions {
  readonly clock: Clock;
  readonly look: () => Promise<Look>;
  /** A worker has begun to wait. */
  readonly onIdle: () => void;
  /** A claim that nobody wants any more. */
  readonly giveBack: (claim: Claim) => void;
}

/** However little there is to do, so often it is looked: a wake-up may get lost with its bearer. */
const pollMs = 2_000;

/** Workers here that wait for something to be due; looked after one by one, first come, first served. */
export class IdleWorkers {
  readonly #options: IdleWorkersOptions;
  readonly #waiting = new Set<(claim: Claim | undefined) => void>();
  #isServing = false;
  #isAskedAgain = false;
  #isClosed = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: IdleWorkersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#waiting.size;
  }

  async next(signal: AbortSignal): Promise<Claim | undefined> {
    if (signal.aborted || this.#isClosed) return undefined;
    // What is due at this moment is due even if the caller has no patience to wait for more.
    const { claim, wakeAt } = await this.#options.look();
    if (claim !== undefined) return claim;
    if (signal.aborted || this.#isClosed) return undefined;
    return new Promise((resolve) => {
      const answer = (found: Claim | undefined): void => {
        this.#waiting.delete(answer);
        signal.removeEventListener('abort', onAbort);
        resolve(found);
      };
      const onAbort = (): void => answer(undefined);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(answer);
      this.#arm(wakeAt);
      this.#options.onIdle();
      // Something may have become due between the look and now, before this worker was waiting.
      if (this.#isAskedAgain) this.serve();
    });
  }

  /** To be called whenever something may have become due. */
  serve(): void {
    this.#isAskedAgain = true;
    if (!this.#isServing && this.#waiting.size > 0) void this.#serveAll();
  }

  async #serveAll(): Promise<void> {
    this.#isServing = true;
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false;
      for (let found = true; found && this.#waiting.size > 0; ) {
        const { claim, wakeAt } = await this.#options.look();
        found = claim !== undefined;
        if (claim === undefined) this.#arm(wakeAt);
        else this.#hand(claim);
      }
    }
    this.#isServing = false;
  }

  #hand(claim: Claim): void {
    const [answer] = this.#waiting;
    if (answer === undefined) this.#options.giveBack(claim);
    else answer(claim);
  }

  #arm(wakeAt: number): void {
    this.#cancelTimer?.();
    const { clock } = this.#options;
    const delayMs = Math.min(pollMs, Math.max(1, Math.ceil(wakeAt - clock.now())));
    this.#cancelTimer = clock.after(delayMs, () => this.serve());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const answer of [...this.#waiting]) answer(undefined);
  }
}
