/** What passes between the store and its worker threads. */

import type { MailboxGuid, MailGuid, Uid } from '@dsyncd/core';
import type { MailboxStatus, MailChange, MailPlace } from '../port.ts';

/** What a worker is started with. */
export interface WorkerSettings {
  readonly openIndexesMax: number;
}

/** Whose index a call is about. */
export interface HomePlace {
  readonly user: string;
  readonly home: string;
}

export type WireStage =
  | {
      readonly kind: 'bytes';
      readonly bytes: Uint8Array;
      readonly size: number;
      readonly virtualSize: number;
    }
  /** A file in the user's `tmp` that is on disk already. */
  | { readonly kind: 'file'; readonly name: string; readonly size: number; readonly virtualSize: number };

export interface WireSave {
  readonly type: 'save';
  readonly uid?: Uid;
  readonly guid: MailGuid;
  readonly body: WireStage | ({ readonly kind: 'place' } & MailPlace);
  readonly flags: number;
  readonly keywords: readonly string[];
  readonly receivedAt: number;
  readonly savedAt: number;
  readonly pop3Uidl?: string;
  readonly pop3Order?: number;
}

export type WireChange = Exclude<MailChange, { type: 'save' }> | WireSave;

/** Columns of a mail in the order in which rows travel; texts in JSON where they hold more than one thing. */
export const mailColumns =
  'uid, guid, modseq, flags, keywords, flag_modseqs, received_at, saved_at, size, virtual_size, pop3_uidl, pop3_order';
export type MailRow = readonly [
  uid: number,
  guid: string,
  modSeq: number,
  flags: number,
  keywords: string | null,
  flagModSeqs: string | null,
  receivedAt: number,
  savedAt: number,
  size: number,
  virtualSize: number,
  pop3Uidl: string | null,
  pop3Order: number | null,
];

/** A small body comes whole, a large one as an open file. */
export type WireBody = { readonly bytes: Uint8Array } | { readonly fd: number };

export interface WireApplied {
  readonly before: MailboxStatus;
  readonly after: MailboxStatus;
  readonly results: readonly ({ readonly uid: Uid } | { readonly changed: boolean })[];
}

export interface RebuildReport {
  readonly mailboxes: readonly {
    readonly guid: MailboxGuid;
    readonly path: string;
    readonly mails: number;
  }[];
  /** Where the damaged index is now; missing when there was none. */
  readonly movedTo?: string;
}
