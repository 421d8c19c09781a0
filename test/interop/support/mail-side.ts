import type { MailSnapshot } from '@dsyncd/testkit';

/** What a person or a mail server does with one user's mail on one host, the same words for Dovecot and for us. */
export interface MailSide {
  /** Saves mails, in order; answers when they are on disk. */
  save(mailbox: string, bodies: readonly Buffer[]): Promise<void>;
  /** Adds (`\\Seen`, `$Label`) flags of one mail, or of all with `*`. */
  addFlags(mailbox: string, uid: number | '*', flags: readonly string[]): Promise<void>;
  removeFlags(mailbox: string, uid: number | '*', flags: readonly string[]): Promise<void>;
  expunge(mailbox: string, uid: number): Promise<void>;
  create(mailbox: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(mailbox: string): Promise<void>;
  subscribe(mailbox: string, isSubscribed: boolean): Promise<void>;
  /** @param key - `/private/comment`; an undefined value deletes it */
  setAttribute(mailbox: string, key: string, value: string | undefined): Promise<void>;
  list(options?: {
    readonly withBodies?: boolean;
    readonly attributesOf?: readonly string[];
  }): Promise<MailSnapshot>;
}
