/**
 * - `incremental`: only what changed since the state of the last sync
 * - `normal`: mailboxes that look different
 * - `full`: everything
 */
export const syncTypes = ['incremental', 'normal', 'full'] as const;
export type SyncType = (typeof syncTypes)[number];

/** What one sync moved, both directions as seen from this host. */
export interface SyncCounts {
  readonly mailsReceived: number;
  readonly mailsSent: number;
  /** Mails received without their body, because a copy was here already. */
  readonly bodiesSpared: number;
  readonly flagsChanged: number;
  readonly expunged: number;
  /** Names made, renamed, deleted or subscribed to here; those deleted among them. */
  readonly mailboxesChanged: number;
  /** Missing where the engine does not know. */
  readonly mailboxesDeleted?: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

export const noCounts: SyncCounts = {
  mailsReceived: 0,
  mailsSent: 0,
  bodiesSpared: 0,
  flagsChanged: 0,
  expunged: 0,
  mailboxesChanged: 0,
  bytesReceived: 0,
  bytesSent: 0,
};

/** How far a sync is that still runs. */
export interface SyncProgress {
  readonly counts: SyncCounts;
  /** Compared by now, and all; 0 of 0 until the names are known. */
  readonly mailboxes: { readonly done: number; readonly total: number };
}

/** Why a sync failed, for status and log. */
export interface SyncFailure {
  /** Stable, of the error catalogue. */
  readonly code: string;
  readonly reason: string;
  /** What to do about it. */
  readonly hint?: string;
}

/**
 * What a sync can end as, and what follows from it. A table, not ifs: the scheduler, the status
 * output and the documentation all read it.
 */
export type OutcomeKind = 'ok' | 'changed' | 'busy' | 'transient' | 'operator' | 'nouser' | 'noreplicate';

/** The outcomes that an error can stand for. */
export type FailureKind = Exclude<OutcomeKind, 'ok' | 'changed'>;

export interface OutcomeRule {
  /**
   * Store the state string that came with this outcome: only where it is proven that it hides no change. Without it the
   * one before stays, which an earlier sync proved; an empty state drops that, whatever the outcome.
   */
  readonly keepsState: boolean;
  /** Shown as failed in `replicator status`. */
  readonly isFailure: boolean;
  /** When the user is due again. */
  readonly next: 'full-sync-interval' | 'soon' | 'backoff' | 'quarantine' | 'forget';
  readonly meaning: string;
}

export const outcomeRules: Readonly<Record<OutcomeKind, OutcomeRule>> = {
  ok: {
    keepsState: true,
    isFailure: false,
    next: 'full-sync-interval',
    meaning: 'both sides are equal',
  },
  changed: {
    keepsState: false,
    isFailure: false,
    next: 'soon',
    meaning: 'a mailbox changed during the sync: sync again soon',
  },
  busy: {
    keepsState: false,
    isFailure: false,
    next: 'soon',
    meaning: 'the user is locked by another sync: try again soon',
  },
  transient: {
    keepsState: false,
    isFailure: true,
    next: 'backoff',
    meaning: 'the peer or the network failed: try again with growing delay',
  },
  operator: {
    keepsState: false,
    isFailure: true,
    next: 'quarantine',
    meaning: 'needs a person: held until replicated by hand',
  },
  nouser: {
    keepsState: false,
    isFailure: false,
    next: 'forget',
    meaning: 'the user does not exist any more',
  },
  noreplicate: {
    keepsState: false,
    isFailure: false,
    next: 'forget',
    meaning: 'the user is excluded from replication',
  },
};
