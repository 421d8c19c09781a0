import type { Random } from '@dsyncd/core';
import type { UserRecords } from './user-records.ts';

const second = 1_000;
const minute = 60 * second;

export const timing = {
  /** By how much a request of that priority (none, low, high, sync) counts as older than it is. */
  ageingMs: [0, 15 * minute, 30 * minute, 45 * minute],
  /** A user that was never synced and is asked for goes before all others: older than any clock. */
  neverSyncedHeadStartMs: 200 * 365 * 24 * 60 * minute,
  backoffFirstMs: 5 * second,
  quickRetryFirstMs: 250,
  quickRetryMaxMs: 10 * second,
  quickRetryGrowth: 2,
  /** How long a user should be quiet before a full sync proves both sides equal, where the engine does not say. */
  proofPauseMs: 1_000,
  /** A user who never pauses is proven after so many times the pause all the same. */
  proofPausesMax: 10,
  /** Failures in a row, of two users at least, that open the breaker of a channel. */
  breakerFailuresMin: 5,
  breakerFirstMs: 5 * second,
  breakerMaxMs: 60 * second,
} as const;

/**
 * How long a user waits after its n-th failure in a row (n from 1): from 5 s, doubling up to `maxMs`,
 * shortened by up to a quarter at random so that users who failed together come back apart.
 */
export function backoffMs(failuresInRow: number, maxMs: number, random: Random): number {
  const firstMs = Math.min(timing.backoffFirstMs, maxMs);
  const fullMs = backoffMsMax(failuresInRow, maxMs);
  return Math.round(Math.max(firstMs, fullMs * (1 - random.fraction() / 4)));
}

/** As {@link backoffMs}, without chance. */
export const backoffMsMax = (failuresInRow: number, maxMs: number): number =>
  Math.min(maxMs, Math.min(timing.backoffFirstMs, maxMs) * 2 ** Math.min(failuresInRow - 1, 30));

/** How long a user that was busy or changed n times in a row (n from 1) waits. */
export const quickRetryMs = (timesInRow: number): number =>
  Math.round(
    Math.min(
      timing.quickRetryMaxMs,
      timing.quickRetryFirstMs * timing.quickRetryGrowth ** Math.min(timesInRow - 1, 20),
    ),
  );

/** Nobody waits longer than the reason for it allows, whatever the clock was when that was decided. */
export function limitWait(
  records: Pick<UserRecords, 'failures' | 'quickRetries' | 'notBefore'>,
  user: number,
  now: number,
  { failureResyncIntervalMs }: { readonly failureResyncIntervalMs: number },
): void {
  const [failures, quickRetries] = [records.failures[user] as number, records.quickRetries[user] as number];
  const failedMs = failures > 0 ? backoffMsMax(failures, failureResyncIntervalMs) : 0;
  const quickMs = quickRetries > 0 ? quickRetryMs(quickRetries) : 0;
  const maxMs = Math.max(failedMs, quickMs) || failureResyncIntervalMs;
  records.notBefore[user] = Math.min(records.notBefore[user] as number, now + maxMs);
}
