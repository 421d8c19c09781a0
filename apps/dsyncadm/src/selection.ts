import { asUid, type UserName } from '@dsyncd/core';
import type { MailboxMail, MailRecord, UserMail } from '@dsyncd/mailstore';
import { errorText, noMailbox } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { parseMailboxName, parseUidSet, type UidRange } from './input/arguments.ts';

/** Mails that are read, and changes that are made, in one go: keeps memory and transactions small. */
export const mailsPerBatch = 500;

/** @throws {DsyncdError} `DSYNCD_STORE_NO_MAILBOX` */
export async function requireMailbox(mail: UserMail, name: string): Promise<MailboxMail> {
  const mailbox = await mail.mailboxByPath(parseMailboxName(name));
  if (mailbox === undefined) throw noMailbox(mail.user, name);
  return mailbox;
}

/** The mails of a UID set, in batches by UID. UIDs without a mail are passed over, as in IMAP. */
export async function* selectMails(
  mailbox: MailboxMail,
  uidSet: string,
): AsyncGenerator<readonly MailRecord[]> {
  const highest = uidSet.includes('*') ? await highestUid(mailbox) : 0;
  for (const range of parseUidSet(uidSet, highest)) yield* mailsOfRange(mailbox, range);
}

async function* mailsOfRange(mailbox: MailboxMail, range: UidRange): AsyncGenerator<readonly MailRecord[]> {
  let from: number = range.from;
  while (from <= range.to) {
    const page = await mailbox.mails(asUid(from), mailsPerBatch);
    const wanted = page.filter((mail) => mail.uid <= range.to);
    if (wanted.length > 0) yield wanted;
    const last = page.at(-1);
    if (page.length < mailsPerBatch || last === undefined) return;
    from = last.uid + 1;
  }
}

/** The highest UID that a mail has now, which may be far below uidNext; 0 for an empty mailbox. */
async function highestUid(mailbox: MailboxMail): Promise<number> {
  const { uidNext, messagesCount } = await mailbox.status();
  if (messagesCount === 0) return 0;
  // Most often the last mail is near the end; otherwise look further back in growing steps.
  for (let span = mailsPerBatch; ; span *= 8) {
    const from = Math.max(1, uidNext - span);
    const highest = await lastUidFrom(mailbox, from);
    if (highest > 0 || from === 1) return highest;
  }
}

async function lastUidFrom(mailbox: MailboxMail, from: number): Promise<number> {
  let highest = 0;
  for (;;) {
    const page = await mailbox.mails(asUid(Math.max(from, highest + 1)), mailsPerBatch);
    highest = page.at(-1)?.uid ?? highest;
    if (page.length < mailsPerBatch) return highest;
  }
}

/**
 * Does something for many users. One who fails does not keep the others from their turn: the error
 * goes to `report`, and the exit code is that of the first one.
 * @returns the exit code, 0 when all went well
 */
export async function forEachUser(
  users: AsyncIterable<UserName> | Iterable<UserName>,
  task: (user: UserName) => Promise<void>,
  report: (text: string) => void,
): Promise<{ readonly exitCode: number; readonly userCount: number }> {
  let exitCode = 0;
  let userCount = 0;
  for await (const user of users) {
    userCount++;
    try {
      await task(user);
    } catch (error) {
      report(errorText(error, false).trimEnd());
      exitCode ||= exitCodeOf(error);
    }
  }
  return { exitCode, userCount };
}
