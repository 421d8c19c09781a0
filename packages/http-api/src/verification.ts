import { outcomeRules } from '@dsyncd/core';
import type { EndedSync } from '@dsyncd/replicator';
import type { SyncSample, VerificationResult } from '@dsyncd/telemetry';

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
