import type { Clock } from '@dsyncd/core';
import type { Claim } from '@dsyncd/queue';

/** What one look at Redis gave: a claim, or when to look again (Unix milliseconds; Infinity: never). */
export interface Look {
  readonly claim: Claim | undefined;
  readonly wakeAt: number;
}

/** Where the work comes from. */
export interface WorkSource {
  /** Never rejects. */
  look(): Promise<Look>;
  /** For a claim that nobody wants any more. Never rejects. */
  abandon(claim: Claim): Promise<unknown>;
}

/** However little there is to do, so often it is looked: a wake-up may get lost with its bearer. */
const pollMs = 2_000;

/** Workers here that wait for something to be due; looked after one by one, first come, first served. */
export class IdleWorkers {
  readonly #source: WorkSource;
  readonly #clock: Clock;
  readonly #waiting = new Set<(claim: Claim | undefined) => void>();
  #isServing = false;
  #isAskedAgain = false;
  #isClosed = false;
  #cancelTimer: (() => void) | undefined;
  #nextToWait = Promise.withResolvers<boolean>();

  constructor(source: WorkSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Settles when a worker waits: true; false when none will any more. */
  async untilWaiting(): Promise<boolean> {
    return this.#waiting.size > 0 || (await this.#nextToWait.promise);
  }

  async next(signal: AbortSignal): Promise<Claim | undefined> {
    if (signal.aborted || this.#isClosed) return undefined;
    // What is due at this moment is due even if the caller has no patience to wait for more.
    const { claim, wakeAt } = await this.#source.look();
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
      this.#nextToWait.resolve(true);
      this.#nextToWait = Promise.withResolvers();
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
        const { claim, wakeAt } = await this.#source.look();
        found = claim !== undefined;
        if (claim === undefined) this.#arm(wakeAt);
        else this.#hand(claim);
      }
    }
    this.#isServing = false;
  }

  #hand(claim: Claim): void {
    const [answer] = this.#waiting;
    if (answer === undefined) void this.#source.abandon(claim);
    else answer(claim);
  }

  #arm(wakeAt: number): void {
    this.#cancelTimer?.();
    const delayMs = Math.min(pollMs, Math.max(1, Math.ceil(wakeAt - this.#clock.now())));
    this.#cancelTimer = this.#clock.after(delayMs, () => this.serve());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const answer of [...this.#waiting]) answer(undefined);
    this.#nextToWait.resolve(false);
  }
}
