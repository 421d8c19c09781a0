/**
 * The MailStore port: where the built-in engine keeps mail.
 *
 * Promises that every implementation keeps (the contract suite under `./contract` checks them):
 * - The index says what exists. A body that is missing on disk is a damaged mail, never an expunge.
 * - Each changing call is one transaction: after a crash it has happened whole or not at all, and
 *   what was answered is on disk.
 * - `highestModSeq` and `uidNext` never go down; a UID never names two mails. Every change of a
 *   mailbox's mails or attributes gets a modseq above the highest one that the mailbox had.
 * - Several processes may use a store at once.
 * - A mail's GUID is the same in every copy of it; one mailbox may hold the same GUID more than once.
 */

import type { Readable } from 'node:stream';
import {
  limits,
  type MailboxGuid,
  type MailboxPath,
  type MailGuid,
  type ModSeq,
  type Uid,
  type UidValidity,
  type UserName,
} from '@dsyncd/core';

export interface MailStore {
  /**
   * Opens a user's mail home. Cheap: handles are shared and cached inside.
   * @throws {DsyncdError} `DSYNCD_STORE_NO_USER` (outcome nouser) when the home does not exist and `create` is not set.
   */
  open(user: UserName, options?: { readonly create?: boolean }): Promise<UserMail>;
  /** Every user that has a home, in no special order. */
  users(): AsyncIterable<UserName>;
  close(): Promise<void>;
}

/** One user's mail. Call {@link UserMail.close} when done; closing twice does nothing. */
export interface UserMail {
  readonly user: UserName;
  /**
   * Takes the user's sync lock, which keeps two syncs of one user apart across processes. It does
   * not keep deliveries out. The lock dies with its holder.
   * @throws {DsyncdError} `DSYNCD_STORE_LOCKED` (outcome busy) when it is not free within `timeoutMs`.
   */
  lock(timeoutMs: number): Promise<SyncLock>;

  /** All mailboxes, directories, subscriptions and deletion records as of one moment. */
  tree(): Promise<MailboxTree>;

  /**
   * Creates a mailbox; missing parents become directories without mail.
   * @throws {DsyncdError} `DSYNCD_STORE_MAILBOX_EXISTS` when the name is taken, or a mailbox with that GUID exists.
   */
  createMailbox(path: MailboxPath, options?: CreateMailboxOptions): Promise<MailboxInfo>;
  /** Creates a directory: a name that holds mailboxes but no mail. Does nothing when the name exists. */
  createDirectory(path: MailboxPath, options?: ChangedAt): Promise<void>;
  /** Renames a mailbox or directory and everything below it. Renaming INBOX moves it alone and leaves a new empty INBOX. */
  rename(from: MailboxPath, to: MailboxPath, options?: ChangedAt): Promise<void>;
  /**
   * Deletes the mailbox with its mails and leaves a deletion record with its GUID. A mailbox with
   * children becomes a directory. INBOX cannot be deleted.
   */
  deleteMailbox(guid: MailboxGuid, options?: ChangedAt): Promise<void>;
  /** Deletes a directory that has no children (does nothing otherwise) and leaves a deletion record. */
  deleteDirectory(path: MailboxPath, options?: ChangedAt): Promise<void>;
  /** The name need not exist as a mailbox. */
  setSubscribed(path: MailboxPath, subscribed: boolean, options?: ChangedAt): Promise<void>;
  /**
   * Does all these changes in one transaction, in the given order; each does what the method of its kind does. A change
   * that cannot be done since a name or mailbox is not there, or there already, is left out; any other failure is one of all.
   * @returns why each was left out; undefined for one that was done.
   */
  changeNames(changes: readonly NameChange[]): Promise<readonly (string | undefined)[]>;
  /**
   * Gives a mailbox another GUID and UIDVALIDITY, as two hosts need that created the same name
   * independently. Its mails keep their UIDs. A record of the GUID that was given up stays.
   */
  changeMailboxIdentity(
    guid: MailboxGuid,
    to: { readonly guid: MailboxGuid; readonly uidValidity: UidValidity },
  ): Promise<void>;

  /** Notes a GUID that another host gave up for `by`; nothing happens where a mailbox here has it. */
  noteGivenUp(guid: MailboxGuid, by: MailboxGuid): Promise<void>;

  /** @throws {DsyncdError} `DSYNCD_STORE_NO_MAILBOX` when no mailbox has that GUID. */
  mailbox(guid: MailboxGuid): Promise<MailboxMail>;
  mailboxByPath(path: MailboxPath): Promise<MailboxMail | undefined>;

  /** Where bodies with these GUIDs are, in any mailbox: at most one place for each GUID that is found. */
  findBodies(guids: readonly MailGuid[]): Promise<ReadonlyMap<MailGuid, MailPlace>>;

  /**
   * Takes a body in, to be saved by a later {@link MailboxMail.apply}. The bytes are kept exactly as
   * they come. A stage that is not saved must be discarded; one that a crash left behind is cleaned up by itself.
   */
  stageBody(body: AsyncIterable<Uint8Array>): Promise<StagedBody>;

  close(): Promise<void>;
}

export interface SyncLock {
  release(): Promise<void>;
}

export interface ChangedAt {
  /** Unix seconds when the change was made; default now. A sync passes the time of the other host. */
  readonly changedAt?: number;
}

export interface CreateMailboxOptions extends ChangedAt {
  readonly guid?: MailboxGuid;
  readonly uidValidity?: UidValidity;
}

/** One change of {@link UserMail.changeNames}. */
export type NameChange = ChangedAt &
  (
    | {
        readonly type: 'create-mailbox';
        readonly path: MailboxPath;
        readonly guid: MailboxGuid;
        readonly uidValidity?: UidValidity;
      }
    | { readonly type: 'create-directory' | 'delete-directory'; readonly path: MailboxPath }
    | { readonly type: 'rename'; readonly from: MailboxPath; readonly to: MailboxPath }
    | { readonly type: 'delete-mailbox'; readonly guid: MailboxGuid }
    | { readonly type: 'subscribe'; readonly path: MailboxPath; readonly subscribed: boolean }
    | { readonly type: 'note-given-up'; readonly guid: MailboxGuid; readonly by: MailboxGuid }
  );

export interface MailboxTree {
  readonly nodes: readonly MailboxNode[];
  readonly deletes: readonly DeletionRecord[];
}

/** One name in the tree. `mailbox` is missing when the name is a directory, or only subscribed. */
export interface MailboxNode {
  readonly path: MailboxPath;
  /** False for a name that is only subscribed. */
  readonly exists: boolean;
  readonly mailbox?: MailboxStatus;
  /** Unix seconds of the last creation or rename; 0 unknown. */
  readonly lastRenamedOrCreated: number;
  readonly subscribed: boolean;
  /** Unix seconds; 0 unknown. */
  readonly lastSubscriptionChange: number;
}

export interface MailboxStatus {
  readonly guid: MailboxGuid;
  readonly uidValidity: UidValidity;
  readonly uidNext: Uid;
  readonly messagesCount: number;
  readonly firstRecentUid: Uid;
  readonly highestModSeq: ModSeq;
}

export interface MailboxInfo extends MailboxStatus {
  readonly path: MailboxPath;
}

export type DeletionRecord =
  | { readonly type: 'mailbox'; readonly guid: MailboxGuid; readonly deletedAt: number }
  /** Two mailboxes of one name became one, which has the GUID `by` since. */
  | {
      readonly type: 'given-up';
      readonly guid: MailboxGuid;
      readonly by: MailboxGuid;
      readonly deletedAt: number;
    }
  | { readonly type: 'directory'; readonly path: MailboxPath; readonly deletedAt: number }
  | { readonly type: 'unsubscribe'; readonly path: MailboxPath; readonly deletedAt: number };

/** The mails of one mailbox. */
export interface MailboxMail {
  readonly guid: MailboxGuid;
  status(): Promise<MailboxStatus>;
  /** Mails with `fromUid <= uid`, by UID, at most `limit`. */
  mails(fromUid: Uid, limit: number): Promise<readonly MailRecord[]>;
  /** Mails with `uid <= uidMax` that changed after `modSeq`, by UID, those above `afterUid`, at most `limit`. */
  changedMails(
    range: { readonly modSeq: ModSeq; readonly uidMax: Uid; readonly afterUid: Uid },
    limit: number,
  ): Promise<readonly MailRecord[]>;
  /** Expunge records with a modseq above `modSeq`, by UID, those above `afterUid`, at most `limit`. Records are kept for good. */
  expunges(
    range: { readonly modSeq: ModSeq; readonly afterUid: Uid },
    limit: number,
  ): Promise<readonly ExpungeRecord[]>;
  mail(uid: Uid): Promise<MailRecord | undefined>;
  /** Mails with these GUIDs; a GUID may have several. */
  mailsByGuid(guids: readonly MailGuid[]): Promise<readonly MailRecord[]>;
  /** Attributes (deleted ones too, without value) changed after `modSeq`. */
  attributes(modSeq: ModSeq): Promise<readonly MailboxAttribute[]>;

  /**
   * The mail as it was saved, byte for byte.
   * @throws {DsyncdError} `DSYNCD_STORE_BODY_LOST` when the index has the mail but the disk does not; `DSYNCD_STORE_NO_MAIL` when it was expunged.
   */
  body(uid: Uid): Promise<Readable>;
  /** Puts back a body that was lost; `staged` must have the size that the index knows. */
  restoreBody(uid: Uid, staged: StagedBody): Promise<void>;
  /** UIDs whose body is known to be lost: found missing by an earlier {@link MailboxMail.body} or a check of the store. */
  lostBodies(): Promise<readonly Uid[]>;

  /** Does all changes in one transaction, in the given order. */
  apply(changes: readonly MailChange[]): Promise<ApplyResult>;
}

export interface MailRecord {
  readonly uid: Uid;
  readonly guid: MailGuid;
  readonly modSeq: ModSeq;
  readonly flags: number;
  readonly keywords: readonly string[];
  /** For each flag bit and keyword that ever changed: the modseq of its last change, so that a sync can tell who changed what. */
  readonly flagModSeqs: FlagModSeqs;
  /** Unix seconds. */
  readonly receivedAt: number;
  readonly savedAt: number;
  /** Bytes as stored. */
  readonly size: number;
  /** Bytes with every line ending counted as CRLF. */
  readonly virtualSize: number;
  readonly pop3Uidl?: string;
  readonly pop3Order?: number;
}

export interface FlagModSeqs {
  /** By flag bit in the order of {@link systemFlags}; 0: never changed since the mail was saved. */
  readonly flags: readonly number[];
  /** Also keywords that are not set any more. */
  readonly keywords: Readonly<Record<string, number>>;
}

/** Dovecot's bits of the IMAP system flags, by position. */
export const systemFlags = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'] as const;
export const flagBits = { answered: 1, flagged: 2, deleted: 4, seen: 8, draft: 16 } as const;

export interface ExpungeRecord {
  readonly uid: Uid;
  readonly guid: MailGuid;
  readonly modSeq: ModSeq;
}

export interface MailPlace {
  readonly mailbox: MailboxGuid;
  readonly uid: Uid;
}

export interface MailboxAttribute {
  readonly type: 'private' | 'shared';
  /** Key and value are bytes, as `textOfBytes` of core writes them. */
  readonly key: string;
  /** Missing when deleted. */
  readonly value?: string;
  /** Unix seconds; 0 unknown. */
  readonly changedAt: number;
  readonly modSeq: ModSeq;
}

export interface StagedBody {
  readonly size: number;
  readonly virtualSize: number;
  discard(): Promise<void>;
}

export type MailChange =
  | SaveChange
  | {
      readonly type: 'flags';
      readonly uid: Uid;
      readonly addFlags?: number;
      readonly removeFlags?: number;
      readonly addKeywords?: readonly string[];
      readonly removeKeywords?: readonly string[];
      /** Skip when the mail is gone. A change that changes nothing takes no modseq. */
    }
  | {
      /** Skipped when no such mail exists, or (where `guid` is given) the UID names another mail. */
      readonly type: 'expunge';
      readonly uid: Uid;
      readonly guid?: MailGuid;
    }
  | {
      /** Notes that a UID that this host never had is gone, so that it is never given out and other peers learn of it. */
      readonly type: 'expunged-elsewhere';
      readonly uid: Uid;
      readonly guid: MailGuid;
    }
  | {
      readonly type: 'attribute';
      readonly attribute: Omit<MailboxAttribute, 'modSeq'>;
    }
  | {
      /** Raises counters; values below the present ones change nothing. */
      readonly type: 'raise';
      readonly uidNext?: Uid;
      readonly highestModSeq?: ModSeq;
      readonly firstRecentUid?: Uid;
    };

export interface SaveChange {
  readonly type: 'save';
  /** Wanted UID. Missing, or below the present uidNext: the mail gets the present uidNext. */
  readonly uid?: Uid;
  /** Missing: a new one. */
  readonly guid?: MailGuid;
  /** A staged body, or the place of a mail of the same user whose body this one shares. */
  readonly body: StagedBody | MailPlace;
  readonly flags?: number;
  readonly keywords?: readonly string[];
  /** Unix seconds; default now. */
  readonly receivedAt?: number;
  readonly savedAt?: number;
  readonly pop3Uidl?: string;
  readonly pop3Order?: number;
}

export interface ApplyResult {
  /** As it was when the transaction began: differs from what the caller last saw when someone else changed the mailbox meanwhile. */
  readonly before: MailboxStatus;
  readonly after: MailboxStatus;
  /** One entry a change: the UID that a save got, otherwise whether the change did something. */
  readonly results: readonly ({ readonly uid: Uid } | { readonly changed: boolean })[];
}

/** The limits that a store keeps; tests open stores with smaller ones. */
export interface StoreLimits {
  readonly mailboxesPerUserMax: number;
  readonly mailsPerMailboxMax: number;
  readonly keywordsPerMailboxMax: number;
  readonly mailBytesMax: number;
}

export const defaultStoreLimits: StoreLimits = {
  mailboxesPerUserMax: limits.mailboxesPerUserMax,
  mailsPerMailboxMax: limits.mailsPerMailboxMax,
  keywordsPerMailboxMax: limits.keywordsPerMailboxMax,
  mailBytesMax: limits.mailBytesMax,
};
