import type { SyncResult } from '@dsyncd/engine';
import type { Claim } from '@dsyncd/queue';

/** A sync whose outcome is stored. Instants in Unix milliseconds. */
export interface EndedSync {
  readonly claim: Claim;
  readonly result: SyncResult;
  readonly startedAt: number;
  readonly endedAt: number;
}
