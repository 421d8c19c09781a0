/** When a user is due, before whom, and for which kind of sync: read from its record. */

import type { SyncType } from '@dsyncd/core';
import { timing } from './timing.ts';
import { flag, type UserRecords } from './user-records.ts';

interface FullSyncTiming {
  readonly fullSyncIntervalMs: number;
}

/** When the user may be synced next, if not held; at most now means: due. */
export function dueAt(records: UserRecords, user: number, { fullSyncIntervalMs }: FullSyncTiming): number {
  const notBefore = records.notBefore[user] as number;
  if (records.isPending(user) || notBefore > 0) return notBefore;
  if (records.has(user, flag.doubted) || records.isUnproven(user)) return 0;
  const base = records.fullBaseAt[user] as number;
  return records.has(user, flag.fullSynced) ? base + fullSyncIntervalMs : base;
}

/** The smaller the sooner; a proof goes behind the changes that came before it is due. */
export function rank(records: UserRecords, user: number, due: number): number {
  const priority = records.priority[user] as number;
  if (priority === 0) return due;
  const aged = (records.requestedAt[user] as number) - (timing.ageingMs[priority] ?? 0);
  return records.lastFastAt[user] === 0 ? aged - timing.neverSyncedHeadStartMs : aged;
}

/** Does nothing but a full sync that is to prove both sides equal wait, until the user was quiet? */
export const awaitsProof = (records: UserRecords, user: number): boolean =>
  records.isUnproven(user) &&
  !records.isPending(user) &&
  !records.has(user, flag.failed) &&
  records.quickRetries[user] === 0;

export function syncType(
  records: UserRecords,
  user: number,
  now: number,
  { fullSyncIntervalMs }: FullSyncTiming,
): SyncType {
  const isProof = records.isUnproven(user) && !records.isPending(user);
  const isFullDue = (records.fullBaseAt[user] as number) + fullSyncIntervalMs <= now;
  if (isProof || records.has(user, flag.wantsFull) || !records.has(user, flag.fullSynced) || isFullDue)
    return 'full';
  return records.has(user, flag.hasState) ? 'incremental' : 'normal';
}
