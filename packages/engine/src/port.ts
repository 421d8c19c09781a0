/**
 * The SyncEngine port: performs one sync of one user on one channel.
 *
 * An engine knows mail, peers and transports; it knows nothing of queues, priorities or retries.
 */

import type {
  MailboxPath,
  OutcomeKind,
  SyncCounts,
  SyncFailure,
  SyncProgress,
  SyncType,
  UserName,
} from '@dsyncd/core';
import type { OneWay } from '@dsyncd/dsync';

export type { OneWay } from '@dsyncd/dsync';

export interface SyncTask {
  readonly user: UserName;
  readonly channel: string;
  readonly type: SyncType;
  /** What the last sync of this user on this channel left; undefined or damaged: a full sync. */
  readonly state: string | undefined;
  /** Aborts the attempt: its deadline has passed, or the service stops. */
  readonly signal: AbortSignal;
  /** The engine writes here what it knows of the sync while it runs. */
  readonly watch?: SyncWatch;
  /** Only this mailbox. */
  readonly mailbox?: MailboxPath;
  /** Only compare and count. */
  readonly isDryRun?: boolean;
  /** One way only; missing: both. */
  readonly oneWay?: OneWay;
}

/** A running sync, for those who watch it: the engine fills it, others only read it. */
export interface SyncWatch {
  /** Set when the sync begins to count; goes on growing. Missing: the engine does not count. */
  progress?: SyncProgress;
  /**
   * Set before the engine first waits for anything: `opening` until the peer has taken the sync, then the connection,
   * with the time (milliseconds) for which it has waited for the peer since anything moved. Missing: the engine does
   * not know, and nobody ends the sync for a peer that hangs.
   */
  connection?: 'opening' | { readonly quietMs: number };
}

export interface SyncResult {
  readonly outcome: OutcomeKind;
  /**
   * For the next incremental sync, kept where the outcome proves it; `''` when the next one must compare everything,
   * whatever the outcome. Missing: keep the stored one.
   */
  readonly state?: string;
  /** True when the sync compared everything, whatever was asked for. */
  readonly full: boolean;
  /** Changes made at the same moment may differ although all seems well. A full sync is wanted when the user was quiet for so long. */
  readonly proofAfterMs?: number;
  readonly failure?: SyncFailure;
  /** With "nouser": what the user is really called, when the task named another spelling. */
  readonly properUser?: UserName;
  readonly counts: SyncCounts;
  /** False: nobody counted, and {@link counts} say nothing. */
  readonly isCounted?: boolean;
  /** One line each: what both sides had changed at once, and what became of it. */
  readonly conflicts: readonly string[];
  /** One line each: what changed meanwhile, so that another sync follows, or why everything was compared. */
  readonly notes: readonly string[];
  /** Host name of the peer, when it was reached. */
  readonly peer?: string;
}

export interface SyncEngine {
  /**
   * Never rejects for what a peer, a network or a disk can do: that is an outcome.
   * @throws {InvariantError} and other errors of our own making.
   */
  sync(task: SyncTask): Promise<SyncResult>;
  /** Closes kept-open connections. */
  close(): Promise<void>;
}
