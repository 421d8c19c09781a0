import { type Clock, type Logger, outcomeRules } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { EndedSync } from '@dsyncd/replicator';
import {
  type SyncSample,
  type VerificationReading,
  type VerificationResult,
  verificationLimitsMs,
} from '@dsyncd/telemetry';

/** What a sync has proved, if it was to compare everything. */
export function verificationOf(sync: EndedSync): SyncSample['verification'] {
  const { claim, startedAt } = sync;
  const result = resultOf(sync);
  if (claim.type !== 'full' || result === undefined) return undefined;
  const { lastFullSyncAt } = claim;
  return { result, sinceLastMs: lastFullSyncAt === undefined ? undefined : startedAt - lastFullSyncAt };
}

function resultOf({ claim, result }: EndedSync): VerificationResult | undefined {
  const { outcome, full, counts, conflicts } = result;
  if (outcomeRules[outcome].isFailure) return 'failed';
  // Busy, forgotten, or changed under its hands: nothing was proved.
  if (outcome !== 'ok' || !full) return undefined;
  if (claim.lastFullSyncAt === undefined) return 'first';
  // Even to say that all is equal takes some bytes.
  if (counts.bytesReceived + counts.bytesSent === 0) return 'uncounted';
  const differences =
    counts.mailsReceived +
    counts.mailsSent +
    counts.flagsChanged +
    counts.expunged +
    counts.mailboxesChanged +
    conflicts.length;
  if (differences === 0) return 'equal';
  return claim.requestedAt === undefined ? 'repaired' : 'changed';
}

/** A census is at least so old before the next one begins ... */
const everyMsMin = 60_000;
/** ... and so many times as old as it took, so that it never takes more than a hundredth of the time. */
const restFactor = 100;
/** The first caller waits so long for it. */
const firstWaitMs = 2_000;

export interface CensusOptions {
  readonly queue: ReplicationQueue;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Census {
  readonly reading: VerificationReading;
  /** By the clock that does not jump. */
  readonly nextLookAt: number;
}

/** When users were compared in full the last time: looks through all of them, in the background and now and then. */
export class VerificationCensus {
  readonly #options: CensusOptions;
  readonly #last = new Map<string, Census>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: CensusOptions) {
    this.#options = options;
  }

  /** What the last census of the channel says; undefined while the first one takes its time. */
  async read(channel: string): Promise<VerificationReading | undefined> {
    const { clock } = this.#options;
    const last = this.#last.get(channel);
    if (last === undefined || clock.elapsed() >= last.nextLookAt) this.#begin(channel);
    if (last === undefined) await this.#ended(channel, firstWaitMs);
    return this.#last.get(channel)?.reading;
  }

  #begin(channel: string): void {
    if (this.#running.has(channel)) return;
    const running = this.#take(channel)
      .catch((error: unknown) =>
        this.#options.logger.debug({ channel, error }, 'users not looked through: the queue does not answer'),
      )
      .finally(() => this.#running.delete(channel));
    this.#running.set(channel, running);
  }

  async #take(channel: string): Promise<void> {
    const { queue, clock } = this.#options;
    const startedAt = clock.now();
    const begun = clock.elapsed();
    const ageCounts = new Array<number>(verificationLimitsMs.length).fill(0);
    let oldestAgeMs = 0;
    for await (const { lastFullSyncAt } of queue.userStatus(channel, '*')) {
      const ageMs = lastFullSyncAt === undefined ? Number.POSITIVE_INFINITY : startedAt - lastFullSyncAt;
      if (lastFullSyncAt !== undefined) oldestAgeMs = Math.max(oldestAgeMs, ageMs);
      for (const [index, limitMs] of verificationLimitsMs.entries())
        if (ageMs > limitMs) ageCounts[index] = (ageCounts[index] ?? 0) + 1;
    }
    const ended = clock.elapsed();
    const nextLookAt = ended + Math.max(everyMsMin, restFactor * (ended - begun));
    this.#last.set(channel, { reading: { oldestAgeMs, ageCounts }, nextLookAt });
  }

  async #ended(channel: string, timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const cancelTimer = clock.after(timeoutMs, resolve);
      void this.#running.get(channel)?.then(() => {
        cancelTimer();
        resolve();
      });
    });
  }
}
