import { asUid, type ModSeq } from '@dsyncd/core';
import type { ExpungeRecord, MailboxMail, MailRecord } from '@dsyncd/mailstore';

/** A UID that our mailbox gave out: the mail, or the record that it was expunged. */
export type Entry =
  | { readonly uid: number; readonly mail: MailRecord; readonly expunge?: undefined }
  | { readonly uid: number; readonly mail?: undefined; readonly expunge: ExpungeRecord };

export interface EntryRange {
  readonly afterUid: number;
  readonly lastUid: number;
  /** Only expunge records (and with `onlyChanged` only mails) from after this modseq; 0 for all. */
  readonly modSeq: number;
  /** Leave out mails that did not change. */
  readonly onlyChanged: boolean;
}

const pageMails = 1000;

/**
 * The entries of a range in batches, strictly ascending by UID.
 *
 * In every page the mails are read before the expunge records, so a mail that is expunged meanwhile
 * appears at least as expunged: never is it silently missing.
 */
export async function* readEntries(mailbox: MailboxMail, range: EntryRange): AsyncGenerator<Entry[], void> {
  const { lastUid, modSeq } = range;
  let reached = range.afterUid;
  while (reached < lastUid) {
    const mails = await readMails(mailbox, range, reached);
    const end = mails.length < pageMails ? lastUid : Math.min(mails.at(-1)?.uid ?? lastUid, lastUid);
    const expunges = await readExpunges(mailbox, modSeq, reached, end);
    const entries = mergeByUid(
      mails.filter(({ uid }) => uid <= end),
      expunges,
    );
    if (entries.length > 0) yield entries;
    reached = end;
  }
}

const readMails = async (
  mailbox: MailboxMail,
  { lastUid, modSeq, onlyChanged }: EntryRange,
  afterUid: number,
): Promise<readonly MailRecord[]> =>
  onlyChanged
    ? mailbox.changedMails(
        { modSeq: modSeq as ModSeq, uidMax: asUid(lastUid), afterUid: asUid(afterUid) },
        pageMails,
      )
    : mailbox.mails(asUid(afterUid + 1), pageMails);

async function readExpunges(
  mailbox: MailboxMail,
  modSeq: number,
  afterUid: number,
  lastUid: number,
): Promise<ExpungeRecord[]> {
  const found: ExpungeRecord[] = [];
  let reached = afterUid;
  for (;;) {
    const page = await mailbox.expunges({ modSeq: modSeq as ModSeq, afterUid: asUid(reached) }, pageMails);
    for (const record of page) {
      if (record.uid > lastUid) return found;
      found.push(record);
    }
    if (page.length < pageMails) return found;
    reached = page.at(-1)?.uid ?? lastUid;
  }
}

/** Both ascending by UID; where both have a UID, the mail was expunged between the two reads. */
function mergeByUid(mails: readonly MailRecord[], expunges: readonly ExpungeRecord[]): Entry[] {
  if (expunges.length === 0) return mails.map((mail) => ({ uid: mail.uid, mail }));
  const entries: Entry[] = [];
  let index = 0;
  for (const mail of mails) {
    for (
      let expunge = expunges[index];
      expunge !== undefined && expunge.uid < mail.uid;
      expunge = expunges[index]
    ) {
      entries.push({ uid: expunge.uid, expunge });
      index++;
    }
    if (expunges[index]?.uid !== mail.uid) entries.push({ uid: mail.uid, mail });
  }
  for (const expunge of expunges.slice(index)) entries.push({ uid: expunge.uid, expunge });
  return entries;
}
