import type { UserName } from '@dsyncd/core';

/** One named replica relation, as far as the replicator needs to know it. */
export interface Channel {
  readonly name: string;
  /** `mail_replica` as configured, for status. */
  readonly replica: string;
  /** Changes that came in by a sync with another peer go on to this channel too. */
  readonly chain: boolean;
  /** Must a delivery for the user wait for this replica? Missing: for nobody. */
  readonly requiresReplica?: (user: UserName) => boolean;
}
