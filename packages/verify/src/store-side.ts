import { asUid, DsyncdError, type MailboxGuid, type UserName } from '@dsyncd/core';
import type { MailboxMail, MailRecord, MailStore, UserMail } from '@dsyncd/mailstore';
import { type Digest, DigestSum, type MailSummary } from './digest.ts';
import type { MailboxSummary, UidRange, VerifySide } from './side.ts';

const mailsPerRead = 1_000;
const lastUid = asUid(0xffff_ffff);

/** The built-in store as a side. */
export class StoreSide implements VerifySide {
  readonly name: string;
  readonly #store: Pick<MailStore, 'open'>;

  constructor(name: string, store: Pick<MailStore, 'open'>) {
    this.name = name;
    this.#store = store;
  }

  mailboxes(user: UserName): Promise<readonly MailboxSummary[] | undefined> {
    return this.#read(user, undefined, async (mail) => {
      const found: MailboxSummary[] = [];
      for (const { path, exists, subscribed, mailbox } of (await mail.tree()).nodes) {
        if (mailbox === undefined) {
          if (exists || subscribed) found.push({ path, subscribed });
          continue;
        }
        const { guid, uidValidity, uidNext } = mailbox;
        const digest = await digestIn(await mail.mailbox(guid), { from: asUid(1), to: lastUid });
        found.push({ path, subscribed, mail: { guid, uidValidity, uidNext, digest } });
      }
      return found;
    });
  }

  digests(user: UserName, mailbox: MailboxGuid, ranges: readonly UidRange[]): Promise<readonly Digest[]> {
    const none = ranges.map(() => new DigestSum().digest);
    return this.#read(user, none, async (mail) => {
      const box = await mail.mailbox(mailbox);
      const found: Digest[] = [];
      for (const range of ranges) found.push(await digestIn(box, range));
      return found;
    });
  }

  mails(user: UserName, mailbox: MailboxGuid, range: UidRange): Promise<readonly MailSummary[]> {
    return this.#read(user, [], async (mail) => {
      const found: MailSummary[] = [];
      for await (const each of mailsIn(await mail.mailbox(mailbox), range)) found.push(summaryOf(each));
      return found;
    });
  }

  /** @param none - what is answered when user or mailbox are not there, or go meanwhile */
  async #read<T>(user: UserName, none: T, read: (mail: UserMail) => Promise<T>): Promise<T> {
    let mail: UserMail | undefined;
    try {
      mail = await this.#store.open(user);
      return await read(mail);
    } catch (error) {
      if (isGone(error)) return none;
      throw error;
    } finally {
      await mail?.close();
    }
  }
}

const summaryOf = ({ uid, guid, flags, keywords }: MailRecord): MailSummary => ({
  uid,
  guid,
  flags,
  keywords,
});

const isGone = (error: unknown): boolean =>
  error instanceof DsyncdError &&
  (error.code === 'DSYNCD_STORE_NO_USER' || error.code === 'DSYNCD_STORE_NO_MAILBOX');

async function digestIn(mailbox: MailboxMail, range: UidRange): Promise<Digest> {
  const sum = new DigestSum();
  for await (const mail of mailsIn(mailbox, range)) sum.add(mail);
  return sum.digest;
}

async function* mailsIn(mailbox: MailboxMail, { from, to }: UidRange): AsyncGenerator<MailRecord> {
  for (let next: number = from; next <= to; ) {
    const mails = await mailbox.mails(asUid(next), mailsPerRead);
    for (const mail of mails) {
      if (mail.uid > to) return;
      yield mail;
    }
    if (mails.length < mailsPerRead) return;
    next = (mails.at(-1)?.uid ?? to) + 1;
  }
}
