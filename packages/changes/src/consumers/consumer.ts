import { type Clock, DsyncdError, type Logger, toDsyncdError, type UserName } from '@dsyncd/core';
import type { ChangeFeed, ConsumerFailure, ConsumerStatus } from '../port.ts';
import { type ConsumerPlan, deliver } from './deliver.ts';

export interface ConsumerOptions {
  readonly plan: ConsumerPlan;
  readonly feed: ChangeFeed;
  /** All users, for one that starts over. */
  readonly users: () => AsyncIterable<UserName>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Between two tries after failures: doubled each time, up to the longest. */
const firstBackoffMs = 1_000;
const longestBackoffMs = 5 * 60_000;

/**
 * Gives one consumer the users who changed, one run at a time. Its cursor is kept after each run that succeeded, so
 * that what a crash or a failure interrupts comes again. Without a cursor, or with one that the feed refuses, it gets all
 * users first.
 */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #stopped = new AbortController();
  readonly #mark: string;
  #loop: Promise<void> = Promise.resolve();
  #runningSince: number | undefined;
  #startsOver = false;
  #cursor: string | undefined;
  #runs = 0;
  #failures = 0;
  #failuresInRow = 0;
  #lastSuccessAt: number | undefined;
  #nextTryAt: number | undefined;
  #failure: ConsumerFailure | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#mark = `consumer ${options.plan.name}`;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Ends a run under way; it is repeated at the next start. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('dsyncd stops'));
    await this.#loop;
  }

  async status(): Promise<ConsumerStatus> {
    const { feed, plan } = this.#options;
    const cursor = this.#cursor;
    // While it starts over, its cursor says nothing of what it has.
    const isKnown = cursor !== undefined && !this.#startsOver;
    const backlog = isKnown ? await feed.backlog(cursor).catch(() => undefined) : undefined;
    return {
      name: plan.name,
      state:
        this.#runningSince !== undefined ? 'running' : this.#failure === undefined ? 'waiting' : 'failing',
      startsOver: this.#startsOver,
      usersBehind: backlog?.users,
      behindSince: backlog?.since,
      runningSince: this.#runningSince,
      runs: this.#runs,
      failures: this.#failures,
      failuresInRow: this.#failuresInRow,
      lastSuccessAt: this.#lastSuccessAt,
      nextTryAt: this.#nextTryAt,
      failure: this.#failure,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#cursor ??= await this.#options.feed.mark(this.#mark);
        if (this.#cursor === undefined) await this.#giveAll();
        else await this.#giveChanged(this.#cursor);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof DsyncdError && error.code === 'DSYNCD_CHANGES_CURSOR') await this.#forget(error);
        else await this.#backOff(error);
      }
    }
  }

  /** Everybody, then what changed since this began. */
  async #giveAll(): Promise<void> {
    const { feed, plan, users, logger } = this.#options;
    const { signal } = this.#stopped;
    this.#startsOver = true;
    logger.info({ consumer: plan.name }, 'consumer is given all users');
    const cursor = await feed.end();
    let some: UserName[] = [];
    for await (const user of users()) {
      signal.throwIfAborted();
      if (some.push(user) < plan.usersMax) continue;
      await this.#give(some);
      some = [];
    }
    await this.#give(some);
    await this.#keep(cursor);
    this.#startsOver = false;
  }

  async #giveChanged(cursor: string): Promise<void> {
    const { feed, plan, clock } = this.#options;
    const { signal } = this.#stopped;
    // First the waiting, then the look: a change in between is not missed.
    const waiting = new AbortController();
    const next = feed.nextNote(AbortSignal.any([signal, waiting.signal]));
    next.catch(() => {});
    try {
      const look = await feed.page(cursor, 1);
      if (look.users.length === 0) {
        if (look.next !== cursor) await this.#keep(look.next);
        await next;
      }
      await clock.sleep(plan.delayMs, signal);
      const page = await feed.page(this.#cursor, plan.usersMax);
      await this.#give(page.users);
      await this.#keep(page.next);
    } finally {
      waiting.abort();
    }
  }

  async #give(users: readonly UserName[]): Promise<void> {
    if (users.length === 0) return;
    const { plan, clock, logger } = this.#options;
    const startedAt = clock.now();
    this.#runningSince = startedAt;
    this.#nextTryAt = undefined;
    try {
      await deliver(plan, users, this.#stopped.signal);
      this.#succeeded();
      const durationMs = clock.now() - startedAt;
      logger.debug({ consumer: plan.name, users: users.length, durationMs }, 'consumer has taken users');
    } finally {
      this.#runningSince = undefined;
    }
  }

  #succeeded(): void {
    const { plan, clock, logger } = this.#options;
    this.#runs++;
    this.#lastSuccessAt = clock.now();
    if (this.#failuresInRow > 0) logger.info({ consumer: plan.name }, 'consumer works again');
    this.#failuresInRow = 0;
    this.#failure = undefined;
  }

  async #keep(cursor: string): Promise<void> {
    await this.#options.feed.keepMark(this.#mark, cursor);
    this.#cursor = cursor;
  }

  async #forget(error: DsyncdError): Promise<void> {
    const { plan, feed, logger } = this.#options;
    logger.warn({ consumer: plan.name, error }, 'the cursor of a consumer cannot be used: it starts over');
    this.#cursor = undefined;
    await feed.keepMark(this.#mark, undefined).catch((failure: unknown) => this.#backOff(failure));
  }

  async #backOff(cause: unknown): Promise<void> {
    const { plan, clock, logger } = this.#options;
    const error = toDsyncdError(cause, { code: 'DSYNCD_INTERNAL', outcome: 'operator' });
    const { code, outcome, message: reason, hint } = error;
    this.#failures++;
    this.#failuresInRow++;
    this.#failure = { code, outcome: outcome === 'operator' ? 'operator' : 'transient', reason, hint };
    const waitMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(20, this.#failuresInRow - 1));
    this.#nextTryAt = clock.now() + waitMs;
    logger.warn(
      { consumer: plan.name, code, reason, hint, failuresInRow: this.#failuresInRow, waitMs },
      'consumer failed; the same users are given to it again',
    );
    await clock.sleep(waitMs, this.#stopped.signal).catch(() => {});
  }
}
