import { createHash } from 'node:crypto';
import {
  bytesOfText,
  type MailboxGuid,
  type MailboxPath,
  type MailGuid,
  type ModSeq,
  type Uid,
  type UidValidity,
} from '@dsyncd/core';

/**
 * What a dsync stream (version 3.5) carries: one record a line, its first character the item type,
 * then the values of the keys that the sender listed for that type at the start of the stream.
 *
 * Names and meanings are those of Dovecot 2.3 and 2.4 (`src/doveadm/dsync/dsync-ibc-stream.c` there).
 * Keys that start with `dsyncd_`, and those marked "ours", are added by dsyncd: a receiver that does
 * not know a key skips it.
 */

export type DsyncItem =
  | Handshake
  | MailboxState
  | TreeNode
  | TreeDeletes
  | MailboxHeader
  | Attribute
  | MailChangeItem
  | MailRequest
  | MailItem
  | Finish;

/** What both sides say about themselves; the master also says what kind of sync this is. */
export interface Handshake {
  readonly type: 'handshake';
  readonly hostname: string;
  readonly syncType?: 'full' | 'changed' | 'state';
  /** Seconds to wait for the user's lock; 0 does not lock. */
  readonly lockTimeoutSecs?: number;
  readonly sendMailRequests?: boolean;
  readonly syncBox?: string;
  readonly excludeMailboxes?: readonly string[];
  /** The other side's changes win, or ours: one-way syncs. */
  readonly backupSend?: boolean;
  readonly backupRecv?: boolean;
  readonly noBackupOverwrite?: boolean;
  readonly noMailSync?: boolean;
  readonly syncSinceTimestamp?: number;
  readonly syncUntilTimestamp?: number;
  readonly syncMaxSize?: number;
  readonly syncFlags?: string;
  /** Ours: what else this side can do, for example `expunges reuse`. Missing: a Dovecot. */
  readonly features?: readonly string[];
}

/** Where an earlier sync left a mailbox, and at the end of one, where this one leaves it. */
export interface MailboxState {
  readonly type: 'state';
  readonly guid: MailboxGuid;
  readonly uidValidity: UidValidity | 0;
  readonly lastCommonUid: Uid;
  readonly lastCommonModSeq: ModSeq;
  readonly lastCommonPvtModSeq: ModSeq;
  readonly messagesCount: number;
  readonly changedDuringSync: boolean;
}

/** A name in the mailbox tree. */
export interface TreeNode {
  readonly type: 'node';
  readonly path: MailboxPath;
  readonly existence: 'nonexistent' | 'exists' | 'deleted';
  readonly guid?: MailboxGuid;
  readonly uidValidity?: UidValidity;
  readonly uidNext?: Uid;
  /** Unix seconds; 0 unknown. */
  readonly lastRenamedOrCreated: number;
  readonly subscribed: boolean;
  readonly lastSubscriptionChange: number;
  /** Ours: lets the master see what changed here without opening the mailbox. */
  readonly highestModSeq?: ModSeq;
  readonly messagesCount?: number;
}

/** Deletions that the sender remembers. */
export interface TreeDeletes {
  readonly type: 'deletes';
  readonly hierarchySeparator: string;
  readonly escapeCharacter: string;
  readonly mailboxes: readonly { readonly guid: MailboxGuid; readonly at: number }[];
  /** Ours: GUIDs that were given up for another one when two mailboxes of one name became one. */
  readonly givenUp: readonly { readonly guid: MailboxGuid; readonly by: MailboxGuid }[];
  /** Names as the first 16 bytes, in hexadecimal, of the SHA-1 of the full name with the sender's separator. */
  readonly directories: readonly { readonly hash: string; readonly at: number }[];
  readonly unsubscribes: readonly { readonly hash: string; readonly at: number }[];
}

/** Opens the exchange of one mailbox. */
export interface MailboxHeader {
  readonly type: 'mailbox';
  readonly guid: MailboxGuid;
  readonly uidValidity: UidValidity | 0;
  readonly uidNext: Uid;
  readonly messagesCount: number;
  readonly firstRecentUid: Uid;
  readonly highestModSeq: ModSeq;
  readonly highestPvtModSeq: ModSeq;
  /** The sender does not have it (any more). */
  readonly lost: boolean;
  readonly ignored: boolean;
  readonly haveGuids: boolean;
  readonly haveSaveGuids: boolean;
  readonly haveOnlyGuid128: boolean;
  /** Ours: the state of this mailbox does not fit it any more; both sides list everything. */
  readonly ignoreState: boolean;
}

export interface Attribute {
  readonly type: 'attribute';
  readonly scope: 'private' | 'shared';
  readonly key: string;
  /** Missing: deleted, or its value follows as a stream. */
  readonly value?: string;
  readonly hasStream: boolean;
  readonly deleted: boolean;
  readonly lastChange: number;
  readonly modSeq: ModSeq;
}

export interface MailChangeItem {
  readonly type: 'change';
  readonly kind: 'save' | 'expunge' | 'flags';
  readonly uid: Uid;
  /**
   * Missing only for an expunge whose GUID is not known any more; empty where the store has no GUIDs.
   * An expunge gives it as {@link guid128}.
   */
  readonly guid?: string;
  readonly headerHash?: string;
  readonly modSeq: ModSeq;
  readonly pvtModSeq: ModSeq;
  /** Flag bits changed since the last common modseq; `finalFlags` is what is set now. */
  readonly addFlags: number;
  readonly removeFlags: number;
  readonly finalFlags: number;
  readonly keywordsReset: boolean;
  readonly keywords: readonly KeywordChange[];
  /** Unix seconds; a Dovecot sends it only when asked to sync by date. */
  readonly receivedAt?: number;
  /** Ours: modseqs of flag and keyword changes, so that a conflict is settled flag by flag. */
  readonly flagModSeqs?: Readonly<Record<string, number>>;
}

export interface KeywordChange {
  readonly kind: 'add' | 'remove' | 'final' | 'add-and-final';
  readonly name: string;
}

/** Asks for a body, by GUID, or by UID where there are no GUIDs. */
export interface MailRequest {
  readonly type: 'request';
  readonly guid?: string;
  readonly uid?: Uid;
}

/** A body that was asked for; the bytes follow when `hasStream`. */
export interface MailItem {
  readonly type: 'mail';
  readonly guid?: MailGuid;
  readonly uid?: Uid;
  readonly pop3Uidl?: string;
  readonly pop3Order?: number;
  readonly receivedAt?: number;
  readonly savedAt?: number;
  /** False: the mail is gone, or its body is lost. */
  readonly hasStream: boolean;
}

/** Ends the sync; from the slave to the master. */
export interface Finish {
  readonly type: 'finish';
  readonly error?: string;
  readonly mailError?: number;
  readonly requireFullResync: boolean;
  /** Ours: stable error code and outcome of the slave. */
  readonly code?: string;
  readonly outcome?: string;
  readonly hint?: string;
}

export type ItemType = DsyncItem['type'];

/** Order of the header lines, letter, keys that must be there, keys that may be. */
export const itemTable: readonly {
  readonly type: ItemType | 'cache-field';
  readonly letter: string;
  readonly required: readonly string[];
  readonly optional: readonly string[];
}[] = [
  {
    type: 'handshake',
    letter: 'H',
    required: ['hostname'],
    optional: (
      'sync_ns_prefix sync_box sync_box_guid sync_type debug sync_visible_namespaces exclude_mailboxes ' +
      'send_mail_requests backup_send backup_recv lock_timeout no_mail_sync no_backup_overwrite purge_remote ' +
      'no_notify sync_since_timestamp sync_max_size sync_flags sync_until_timestamp virtual_all_box ' +
      'empty_hdr_workaround import_commit_msgs_interval hashed_headers alt_char dsyncd_features'
    ).split(' '),
  },
  {
    type: 'state',
    letter: 'S',
    required: [
      'mailbox_guid',
      'last_uidvalidity',
      'last_common_uid',
      'last_common_modseq',
      'last_common_pvt_modseq',
    ],
    optional: ['last_messages_count', 'changes_during_sync'],
  },
  {
    type: 'node',
    letter: 'N',
    required: ['name', 'existence'],
    optional: (
      'mailbox_guid uid_validity uid_next last_renamed_or_created subscribed last_subscription_change ' +
      'dsyncd_highest_modseq dsyncd_messages_count'
    ).split(' '),
  },
  {
    type: 'deletes',
    letter: 'D',
    required: ['hierarchy_sep'],
    optional: ['escape_char', 'mailboxes', 'dirs', 'unsubscribes', 'dsyncd_given_up'],
  },
  {
    type: 'mailbox',
    letter: 'B',
    required: (
      'mailbox_guid uid_validity uid_next messages_count first_recent_uid highest_modseq ' +
      'highest_pvt_modseq'
    ).split(' '),
    optional: [
      'mailbox_lost',
      'mailbox_ignore',
      'cache_fields',
      'have_guids',
      'have_save_guids',
      'have_only_guid128',
      'dsyncd_ignore_state',
    ],
  },
  {
    type: 'attribute',
    letter: 'A',
    required: ['type', 'key'],
    optional: ['value', 'stream', 'deleted', 'last_change', 'modseq'],
  },
  {
    type: 'change',
    letter: 'C',
    required: ['type', 'uid'],
    optional: (
      'guid hdr_hash modseq pvt_modseq add_flags remove_flags final_flags keywords_reset keyword_changes ' +
      'received_timestamp virtual_size dsyncd_flag_modseqs'
    ).split(' '),
  },
  { type: 'request', letter: 'R', required: [], optional: ['guid', 'uid'] },
  {
    type: 'mail',
    letter: 'M',
    required: [],
    optional: 'guid uid pop3_uidl pop3_order received_date saved_date stream'.split(' '),
  },
  {
    type: 'finish',
    letter: 'F',
    required: [],
    optional: 'error mail_error require_full_resync dsyncd_code dsyncd_outcome dsyncd_hint'.split(' '),
  },
  { type: 'cache-field', letter: 'c', required: ['name', 'decision'], optional: ['last_used'] },
];

/**
 * A mail's GUID in 32 lower-case hexadecimal digits, the only form in which expunges name mails: a
 * GUID that has this form already is itself, any other (Maildir's are file names) becomes the last
 * 16 bytes of its SHA-1.
 */
export const guid128 = (guid: string): string =>
  /^[0-9a-f]{32}$/i.test(guid)
    ? guid.toLowerCase()
    : createHash('sha1').update(bytesOfText(guid)).digest('hex').slice(-32);
