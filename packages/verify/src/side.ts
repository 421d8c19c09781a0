import type { MailboxGuid, MailboxPath, Uid, UidValidity, UserName } from '@dsyncd/core';
import type { Digest, MailSummary } from './digest.ts';

export interface MailboxSummary {
  readonly path: MailboxPath;
  readonly subscribed: boolean;
  /** Missing: a name without mail, a directory or one that is only subscribed. */
  readonly mail?: {
    readonly guid: MailboxGuid;
    readonly uidValidity: UidValidity;
    readonly uidNext: Uid;
    readonly digest: Digest;
  };
}

/** UIDs from `from` to `to`, both included. */
export interface UidRange {
  readonly from: Uid;
  readonly to: Uid;
}

/** The mail of one host, read only. Each call sees one moment; two calls may see two. */
export interface VerifySide {
  /** For people: `mx1`, `the Dovecot at mx2`. */
  readonly name: string;
  /** All names of the user; undefined: there is no such user. */
  mailboxes(user: UserName): Promise<readonly MailboxSummary[] | undefined>;
  /** A digest for each range; empty ones where the mailbox is gone. */
  digests(user: UserName, mailbox: MailboxGuid, ranges: readonly UidRange[]): Promise<readonly Digest[]>;
  /** The mails of a range, by UID; none where the mailbox is gone. */
  mails(user: UserName, mailbox: MailboxGuid, range: UidRange): Promise<readonly MailSummary[]>;
}
