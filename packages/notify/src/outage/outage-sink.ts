import type { Clock, Logger, UserName } from '@dsyncd/core';
import { type ChangeBatch, changeBatch, MergedChanges } from '../changes.ts';
import type { NotifySink } from '../sink.ts';
import type { OutageSpool } from './outage-spool.ts';

const retryMs = 1_000;

export interface OutageSinkOptions {
  readonly spool: OutageSpool;
  /** Is this the error of a queue that is away, and not of a request that it refuses? */
  readonly isOutage: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The queue behind a sink: `probe` rejects for as long as it is away. */
export interface QueueEnd {
  readonly sink: NotifySink;
  readonly probe: () => Promise<unknown>;
}

/**
 * Stands before a queue that may be away: clients that notify are neither held up nor refused.
 *
 * ```
 *            connect                 the queue fails
 *   away ---------------> reachable ----------------> away
 *    |                        ^                         | every second
 *    '-> requests go to the   '------ it answers -------'
 *        spool, syncs fail at once    the spool is handed over
 * ```
 */
export class OutageSink implements NotifySink {
  readonly #options: OutageSinkOptions;
  readonly #recent: RecentRequests;
  readonly #stopped = new AbortController();
  #end: QueueEnd | undefined;
  #isAway = true;
  #isWanted = false;
  #recovery: Promise<void> | undefined;

  constructor(options: OutageSinkOptions) {
    this.#options = options;
    this.#recent = new RecentRequests(options.clock);
  }

  /** The queue is there for the first time; what an earlier run left in the spool is handed over. */
  connect(end: QueueEnd): void {
    this.#end = end;
    this.#recover();
  }

  /**
   * The queue was away and is back, and may have lost what it took last: all of the last half minute is
   * asked for again. One sync too many does no harm.
   */
  async repeatRecent(): Promise<void> {
    await this.#keep(this.#recent.all());
  }

  async request(batch: ChangeBatch): Promise<void> {
    const end = this.#isAway ? undefined : this.#end;
    if (end === undefined) return this.#keep(batch);
    try {
      await end.sink.request(batch);
      this.#recent.add(batch);
    } catch (error) {
      this.#goAway(error);
      await this.#keep(batch);
    }
  }

  async waitForSync(user: UserName, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    return this.#unlessAborted(this.#sync(user, signal), signal);
  }

  /** What was asked for stays asked for: when there is no sync now there will be one. */
  async #sync(user: UserName, signal: AbortSignal): Promise<boolean> {
    const end = this.#isAway ? undefined : this.#end;
    const request = changeBatch([{ user, priority: 'high' }]);
    if (end === undefined) {
      await this.#keep(request);
      return false;
    }
    this.#recent.add(request);
    try {
      return await end.sink.waitForSync(user, signal);
    } catch (error) {
      if (signal.aborted && !this.#options.isOutage(error)) throw error;
      this.#goAway(error);
      await this.#keep(request);
      return false;
    }
  }

  /** A queue that hangs must not hold the caller beyond its abort. */
  async #unlessAborted(sync: Promise<boolean>, signal: AbortSignal): Promise<boolean> {
    let onAbort = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([sync, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** @throws what is no outage. */
  #goAway(error: unknown): void {
    const { isOutage, logger } = this.#options;
    if (!isOutage(error)) throw error;
    if (!this.#isAway) logger.error({ error }, 'queue away: notifications wait in the local spool');
    this.#isAway = true;
  }

  async #keep(requests: ChangeBatch): Promise<void> {
    await this.#options.spool.add(requests);
    // The queue may have come back while that was written.
    this.#recover();
  }

  #recover(): void {
    this.#isWanted = true;
    if (this.#end === undefined || this.#stopped.signal.aborted) return;
    this.#recovery ??= this.#recoverAll(this.#end).finally(() => {
      this.#recovery = undefined;
      if (this.#isWanted) this.#recover();
    });
  }

  async #recoverAll({ sink, probe }: QueueEnd): Promise<void> {
    const { spool, clock, logger, isOutage } = this.#options;
    const { signal } = this.#stopped;
    while (this.#isWanted && !signal.aborted) {
      this.#isWanted = false;
      try {
        await probe();
        this.#isAway = false;
        const users = await spool.drain((batch) => sink.request(batch));
        if (users > 0) logger.info({ users }, 'notifications from the local spool handed over');
      } catch (error) {
        this.#isWanted = true;
        if (!isOutage(error) && !signal.aborted)
          logger.error({ error }, 'notifications in the local spool not handed over; trying again');
        await clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  /** What is in the spool stays there for the next run. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#recovery;
  }
}

/** A queue that fails over or dies loses at most this much of what it took, or it is set up badly. */
export const recentMs = 15_000;
/** Of each half, and one batch more; what is beyond is left to the periodic sync. */
export const recentUsersMax = 200_000;

/** What was asked for in the last 15 to 30 seconds, merged by user. */
export class RecentRequests {
  readonly #clock: Clock;
  #young = new MergedChanges();
  #old = new MergedChanges();
  #turnAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnAt = clock.elapsed() + recentMs;
  }

  add(batch: ChangeBatch): void {
    this.#turn();
    if (this.#young.size < recentUsersMax) this.#young.addAll(batch);
  }

  /** Takes them out. */
  all(): ChangeBatch {
    this.#turn();
    const merged = new MergedChanges();
    merged.addAll(this.#old.take());
    merged.addAll(this.#young.take());
    return merged.take();
  }

  #turn(): void {
    const now = this.#clock.elapsed();
    if (now < this.#turnAt) return;
    this.#old = now < this.#turnAt + recentMs ? this.#young : new MergedChanges();
    this.#young = new MergedChanges();
    this.#turnAt = now + recentMs;
  }
}
