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
  /** Missing where the engine cannot tell. */
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
