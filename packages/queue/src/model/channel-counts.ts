import { type ChannelStatus, type Standing, standingCounts, standingOf, standings } from '@dsyncd/core';
import type { IndexedHeap } from './collections.ts';
import { flag, type UserRecords } from './user-records.ts';

/** What a user is counted as in the channel's status; each user is in one bucket. */
export const bucket = {
  unknown: 0,
  idle: 1,
  running: 2,
  quarantined: 3,
  failed: 4,
  low: 5,
  high: 6,
  sync: 7,
  fullResync: 8,
  paused: 9,
} as const;
export type Bucket = (typeof bucket)[keyof typeof bucket];

/** How a user's record says that the user stands with the replica. */
export const standingOfRecord = (records: UserRecords, user: number): Standing =>
  standingOf({
    requestedAt: records.requestedAt[user] || undefined,
    failed: records.has(user, flag.failed),
    quarantined: records.has(user, flag.quarantined),
    paused: records.has(user, flag.paused),
    doubted: records.has(user, flag.doubted),
    fullSynced: records.has(user, flag.fullSynced),
    quickRetriesInRow: records.quickRetries[user] ?? 0,
    unproven: records.isUnproven(user),
  });

/** How many users of a channel wait for what, and stand how: kept up to date, so that asking costs nothing. */
export class ChannelCounts {
  readonly #records: UserRecords;
  readonly #buckets = new Array<number>(Object.keys(bucket).length).fill(0);
  readonly #standings = new Array<number>(standings.length + 1).fill(0);

  constructor(records: UserRecords) {
    this.#records = records;
  }

  /** Counts the user anew, after each change of its record. */
  update(user: number, now: Bucket): void {
    const { bucket: buckets, standing } = this.#records;
    move(this.#buckets, buckets, user, now);
    const stands = now === bucket.unknown ? 0 : 1 + standings.indexOf(standingOfRecord(this.#records, user));
    move(this.#standings, standing, user, stands);
  }

  status(): Pick<
    ChannelStatus,
    | 'queuedSync'
    | 'queuedHigh'
    | 'queuedLow'
    | 'queuedFailed'
    | 'queuedFullResync'
    | 'quarantined'
    | 'pausedUsers'
    | 'running'
    | 'standings'
  > {
    const count = (index: Bucket): number => this.#buckets[index] as number;
    return {
      queuedSync: count(bucket.sync),
      queuedHigh: count(bucket.high),
      queuedLow: count(bucket.low),
      queuedFailed: count(bucket.failed),
      queuedFullResync: count(bucket.fullResync),
      quarantined: count(bucket.quarantined),
      pausedUsers: count(bucket.paused),
      running: count(bucket.running),
      standings: standingCounts((_, index) => this.#standings[index + 1] as number),
    };
  }
}

/** @param places - where each user was counted last */
function move(counts: number[], places: Uint8Array, user: number, now: number): void {
  const before = places[user] ?? 0;
  if (before === now) return;
  places[user] = now;
  counts[before] = (counts[before] as number) - 1;
  counts[now] = (counts[now] as number) + 1;
}

/**
 * How many users' oldest change waits longer than each of the limits.
 * @param oldest - when it was notified, by user
 * @param limitsMs - ascending
 */
export function countLags(oldest: IndexedHeap, limitsMs: readonly number[], now: number): number[] {
  // Whoever waits at all: asked for often, so not counted anew.
  if (limitsMs.length === 1 && (limitsMs[0] as number) < 0) return [oldest.size];
  const counts = new Array<number>(limitsMs.length).fill(0);
  for (const requestedAt of oldest.keys) {
    const lagMs = now - requestedAt;
    for (let index = 0; index < limitsMs.length && lagMs > (limitsMs[index] as number); index++)
      counts[index] = (counts[index] as number) + 1;
  }
  return counts;
}
