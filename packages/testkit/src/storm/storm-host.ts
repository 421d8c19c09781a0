import type { MailSnapshot } from '../scenario/compare.ts';

/** One user's mail on one host, as a mail program sees it. Every method may throw: another one was faster, or a kill came. */
export interface StormMail {
  mailboxes(): Promise<readonly string[]>;
  uids(mailbox: string): Promise<readonly number[]>;
  /** The Message-ID, by which the ledger knows a mail; undefined when it is not there any more. */
  messageId(mailbox: string, uid: number): Promise<string | undefined>;
  /** @param word - a system flag with its backslash, or a keyword */
  flag(mailbox: string, uid: number, word: string, isAdding: boolean): Promise<void>;
  move(mailbox: string, uid: number, to: string): Promise<void>;
  expunge(mailbox: string, uid: number): Promise<void>;
  create(mailbox: string): Promise<void>;
  rename(mailbox: string, to: string): Promise<void>;
  delete(mailbox: string): Promise<void>;
  subscribe(mailbox: string, isSubscribing: boolean): Promise<void>;
  /** A program that comes back later opens everything anew. */
  close(): Promise<void>;
}

/** A host that a storm goes over. */
export interface StormHost {
  readonly name: string;
  open(user: string): Promise<StormMail>;
  /** By LMTP; true when the mail was acknowledged. */
  deliver(user: string, body: Buffer): Promise<boolean>;
  list(user: string): Promise<MailSnapshot>;
  /** Every mail of the user. */
  mails(user: string): Promise<readonly StoredMail[]>;
  /** True when this host says that each of the users is replicated, and no sync runs. */
  saysReplicated(users: readonly string[]): Promise<boolean>;
  /** What can be killed; each answers when it runs again. */
  readonly kills: Readonly<Record<string, () => Promise<void>>>;
  /** What this host reported about the user's mailboxes, all in one. */
  reported(user: string): string;
  /** For the report: the last syncs of a user, a line each. */
  history(user: string): readonly string[];
  /** Where its files are, for those who want to look. */
  readonly folders: readonly string[];
  stop(): Promise<void>;
}

export interface StoredMail {
  readonly mailbox: string;
  readonly messageId: string;
  readonly uid: string;
  readonly guid: string;
}
