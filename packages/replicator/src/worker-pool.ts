import { type Clock, type Logger, messageOf, noCounts, outcomeRules } from '@dsyncd/core';
import type { SyncEngine, SyncResult, SyncWatch } from '@dsyncd/engine';
import type { Claim, ReplicationQueue } from '@dsyncd/queue';
import { RunningProgress } from './running-progress.ts';
import { GrowingTimeout, type HangWatch } from './sync-timeouts.ts';

export interface WorkerPoolOptions {
  readonly queue: ReplicationQueue;
  readonly engine: SyncEngine;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `replication_max_conns`: syncs that run at once. */
  readonly connsMax: number;
  /**
   * For one attempt of a channel, from claim to outcome; a sync that takes longer is cut off, and the next of that user
   * gets twice the time.
   */
  readonly attemptTimeoutMs: (channel: string) => number;
  /** Ends syncs whose peer hangs while another channel waits for the same user. Missing: nothing but the timeouts does. */
  readonly hangs?: Pick<HangWatch, 'begin'>;
  /** Gets each result before its outcome is stored: what a sync brought in may concern other channels. */
  readonly intake?: { synced(claim: Claim, result: SyncResult): Promise<void> };
}

/** What counts and shows ended syncs. */
export interface SyncHistory {
  syncEnded(sync: EndedSync): void;
}

/**
 * The workers between queue and engine: each claims a user, syncs it and stores the outcome, over
 * and over. At most `connsMax` syncs run at once.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #stopped = new AbortController();
  readonly #cutOff = new AbortController();
  readonly #workers = new Set<Promise<void>>();
  readonly #timeout = new GrowingTimeout();
  readonly progress: RunningProgress;
  #history: SyncHistory | undefined;
  #connsMax: number;
  #attemptTimeoutMs: WorkerPoolOptions['attemptTimeoutMs'];

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.progress = new RunningProgress(options.clock, options.logger);
    this.#connsMax = options.connsMax;
    this.#attemptTimeoutMs = options.attemptTimeoutMs;
  }

  /** @param history - gets each sync after its outcome is stored */
  start(history?: SyncHistory): void {
    this.#history = history;
    this.#fill();
  }

  #fill(): void {
    while (this.#workers.size < this.#connsMax && !this.#stopped.signal.aborted) this.#startWorker();
  }

  /** Applies new settings; workers above the new number end after their present sync. */
  resize(settings: Pick<WorkerPoolOptions, 'connsMax' | 'attemptTimeoutMs'>): void {
    this.#connsMax = settings.connsMax;
    this.#attemptTimeoutMs = settings.attemptTimeoutMs;
    this.#fill();
  }

  /** Claims nothing more, gives running syncs `graceMs` to finish, then cuts them off; they are due again. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    const cancel = this.#options.clock.after(graceMs, () => this.#cutOff.abort());
    await Promise.all(this.#workers);
    cancel();
  }

  #startWorker(): void {
    const worker = this.#work().finally(() => this.#workers.delete(worker));
    this.#workers.add(worker);
  }

  async #work(): Promise<void> {
    const { queue, logger } = this.#options;
    // A worker that is one too many after a resize ends here: the set still holds this one.
    while (this.#workers.size <= this.#connsMax) {
      const claim = await queue.claim(this.#stopped.signal);
      if (claim === undefined) return;
      try {
        await this.#serve(claim);
      } catch (error) {
        logger.error({ user: claim.user, channel: claim.channel, err: error }, 'outcome of sync not stored');
        await queue.abandon(claim);
      }
    }
  }

  async #serve(claim: Claim): Promise<void> {
    const { queue, clock } = this.#options;
    const startedAt = clock.now();
    const result = await this.#attempt(claim);
    await this.#options.intake?.synced(claim, result);
    if (this.#cutOff.signal.aborted && outcomeRules[result.outcome].isFailure) {
      await queue.abandon(claim);
      return;
    }
    await queue.complete(claim, {
      outcome: result.outcome,
      full: result.full,
      state: result.state,
      proofAfterMs: result.proofAfterMs,
      failure: result.failure,
    });
    const ended = { claim, result, startedAt, endedAt: clock.now() };
    this.#log(ended);
    this.#history?.syncEnded(ended);
  }

  async #attempt(claim: Claim): Promise<SyncResult> {
    const attempt = new AbortController();
    const timeoutMs = this.#timeout.of(claim, this.#attemptTimeoutMs(claim.channel));
    let isTooLong = false;
    const abort = (): void => attempt.abort(this.#cutOff.signal.reason);
    this.#cutOff.signal.addEventListener('abort', abort, { once: true });
    const cancel = this.#options.clock.after(timeoutMs, () => {
      isTooLong = true;
      attempt.abort(new Error(`no result within ${timeoutMs / 1000} s; the next try has twice the time`));
    });
    const watch: SyncWatch = {};
    this.progress.began(claim, watch);
    const unwatch = this.#options.hangs?.begin(claim, watch, (reason) => attempt.abort(reason));
    try {
      const { user, channel, type, state } = claim;
      return await this.#options.engine.sync({ user, channel, type, state, signal: attempt.signal, watch });
    } catch (error) {
      return brokenSync(error);
    } finally {
      cancel();
      unwatch?.();
      this.progress.ended(claim);
      this.#timeout.ended(claim, isTooLong);
      this.#cutOff.signal.removeEventListener('abort', abort);
    }
  }

  #log({ claim, result, startedAt, endedAt: now }: EndedSync): void {
    const { logger } = this.#options;
    const fields = {
      user: claim.user,
      channel: claim.channel,
      type: claim.type,
      priority: claim.priority,
      outcome: result.outcome,
      durationMs: now - startedAt,
      lagMs: claim.requestedAt === undefined ? undefined : now - claim.requestedAt,
      ...(result.isCounted === false ? {} : result.counts),
      peer: result.peer,
    };
    if (outcomeRules[result.outcome].isFailure) logger.warn({ ...fields, ...result.failure }, 'sync failed');
    else logger.info(fields, 'sync done');
    const { user, channel } = claim;
    for (const conflict of result.conflicts) logger.info({ user, channel, conflict }, 'conflict merged');
    for (const note of result.notes) logger.info({ user, channel, note }, 'noted during the sync');
  }
}

/** An engine that throws has a defect: hold that user for a person, go on with the others. */
function brokenSync(error: unknown): SyncResult {
  return {
    outcome: 'operator',
    full: false,
    failure: {
      code: 'DSYNCD_INTERNAL',
      reason: messageOf(error),
      hint: 'a defect of dsyncd: please report it with the log; `dsyncadm replicator replicate USER` tries again',
    },
    counts: noCounts,
    conflicts: [],
    notes: [],
  };
}

/** A sync whose outcome is stored. Instants in Unix milliseconds. */
export interface EndedSync {
  readonly claim: Claim;
  readonly result: SyncResult;
  readonly startedAt: number;
  readonly endedAt: number;
}
