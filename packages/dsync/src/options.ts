import type { MailboxPath } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import type { ByteLink } from '@dsyncd/protocol';
import type { Counts, Progress } from './counts.ts';
import type { DoneBefore } from './unfinished.ts';

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
  /** Mailboxes that the peer cannot have: they and what is below them are neither told nor synced. */
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
