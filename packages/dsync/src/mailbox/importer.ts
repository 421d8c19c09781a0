import type { MailboxMail, MailboxStatus, MailChange, UserMail } from '@dsyncd/mailstore';
import type { Attribute, MailboxHeader, MailChangeItem, MailItem, MailRequest } from '@dsyncd/protocol';
import type { Counts } from '../options.ts';
import type { PlanBudget } from '../peer-limits.ts';
import type { CommonPoint } from './export.ts';

export interface ImportOptions {
  readonly user: UserMail;
  readonly mailbox: MailboxMail;
  /** How the mailbox was when its sync began; the peer got the same. */
  readonly snapshot: MailboxStatus;
  readonly remote: MailboxHeader;
  readonly since: CommonPoint;
  readonly isMaster: boolean;
  /** A dsyncd keeps every expunge record; a Dovecot forgets, and does not take what is new to it below a UID that both know. */
  readonly peerKeepsExpunges: boolean;
  readonly isDryRun: boolean;
  readonly counts: Counts;
  /** Room for what has to wait. */
  readonly planned: PlanBudget;
  /** The peer changes nothing on its side, and we keep what only we have. */
  readonly isOneWay: boolean;
  /** Everything is compared: what the peer cannot give now, the next sync cannot get either. */
  readonly isFull: boolean;
  /** Takes expunges that are to wait for the end of the sync; missing: they are done with the mailbox. */
  readonly expungeLate?: (changes: readonly MailChange[]) => void;
}

/** What takes one mailbox's changes in; the first step of an exchange has only this. */
export interface ChangeImporter {
  /** To be called first. */
  start(): Promise<void>;
  addAttribute(theirs: Attribute): Promise<void>;
  /** Takes one change; they come strictly ascending by UID. */
  addChange(change: MailChangeItem): Promise<void>;
  /** After the peer's last change, and after our own were all sent: answers which bodies are needed. */
  finishChanges(): Promise<MailRequest[]>;
}

/** What takes the bodies in, after {@link ChangeImporter.finishChanges}; the last step of an exchange has only this. */
export interface BodyImporter {
  /** Takes a body that was asked for. */
  addMail(item: MailItem, body: AsyncIterable<Uint8Array> | undefined): Promise<void>;
  /** After the peer's last mail: writes the rest and says where the mailbox stands now. */
  finish(): Promise<ImportResult>;
}

/** What takes one mailbox in. */
export interface Importer extends ChangeImporter, BodyImporter {
  /** Gives back what was staged, when the sync failed. */
  abort(): Promise<void>;
}

/** Where a mailbox stands after its sync, as our side sees it. */
export interface ImportResult {
  readonly lastCommonUid: number;
  readonly localModSeq: number;
  readonly messagesCount: number;
  readonly isChangedMeanwhile: boolean;
  /** Flags that both sides had changed differently. */
  readonly conflicts: number;
  /** Mails that had to get another UID, because both sides had given it out. */
  readonly renumbered: number;
  /** Mails of ours that the peer takes only under a new UID, which they have now: with the next sync. */
  readonly offeredAnew: number;
}
