import { type MailboxGuid, type MailboxPath, noCounts, type SyncCounts } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import type { ByteLink, MailboxSyncState } from '@dsyncd/protocol';

/**
 * Mailboxes that earlier tries of the same sync have done, and how they were left; without a state when the peer
 * cannot prove that nothing has changed since. The caller keeps it from one try to the next.
 */
export type DoneBefore = Map<MailboxGuid, MailboxSyncState | undefined>;

export interface BrainOptions {
  readonly user: UserMail;
  readonly link: ByteLink;
  /** Of this host; must differ from the peer's. */
  readonly hostname: string;
  /** How long to wait for the user's lock, on either side. */
  readonly lockTimeoutMs: number;
  /** Kept up to date while the sync runs. */
  readonly progress?: Progress;
  /** What the peer may make us plan in memory. @defaultValue `limits.plannedBytesMax` */
  readonly plannedBytesMax?: number;
}

/** A sync that changes one side only. */
export interface OneWay {
  readonly direction: 'send' | 'receive';
  /** The receiving side is made equal to the sending one; otherwise it keeps what only it has. */
  readonly overwrites: boolean;
}

export interface MasterOptions extends BrainOptions {
  /** As our side sees it; missing: both ways. */
  readonly oneWay?: OneWay;
  readonly syncType: 'incremental' | 'normal' | 'full';
  /** What the last sync left; undefined or damaged: a full sync. */
  readonly state?: string | undefined;
  /** Only this mailbox. */
  readonly mailbox?: MailboxPath;
  /** Mailboxes that the peer cannot have: neither they nor what is below them is announced or synced. */
  readonly leftOut?: readonly MailboxPath[];
  /** For a sync that may be cut off before its end: what earlier tries have done; added to while this one runs. */
  readonly doneBefore?: DoneBefore;
  /** Only look and count; neither side changes anything. */
  readonly isDryRun?: boolean;
}

export interface BrainResult {
  /** `changed`: a mailbox changed meanwhile, another sync should follow soon. */
  readonly outcome: 'ok' | 'changed';
  /** For the next incremental sync; `''`: the next one must be full. Only the master's is to be kept. */
  readonly state: string;
  readonly isFull: boolean;
  readonly counts: Counts;
  readonly conflicts: readonly string[];
  /** What changed meanwhile, one line each. */
  readonly changes: readonly string[];
  readonly peerHostname: string;
  /** The stream ended in order and both sides know it: the connection may carry the next sync. */
  readonly isReusable: boolean;
}

/** What one sync moved, as seen from this host; added up while it runs. */
export type Counts = { -readonly [Count in keyof SyncCounts]-?: NonNullable<SyncCounts[Count]> };

const newCounts = (): Counts => ({ ...noCounts, mailboxesDeleted: 0 });

/** How far a sync has come; after one that failed too, as what it did by then stays done. */
export interface Progress {
  readonly counts: Counts;
  /** Mailboxes compared by now, and those to be compared: 0 of 0 until both sides know the names of each other, and where the peer leads. */
  readonly mailboxes: { done: number; total: number };
  /** What the peer calls itself; undefined until it has said so. */
  peerHostname: string | undefined;
}

export const newProgress = (): Progress => ({
  counts: newCounts(),
  mailboxes: { done: 0, total: 0 },
  peerHostname: undefined,
});

/** A body's chunks as they pass by, counted. */
export async function* counted(
  body: AsyncIterable<Uint8Array>,
  add: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    add(chunk.length);
    yield chunk;
  }
}
