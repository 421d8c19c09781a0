import { asUid, type ModSeq } from '@dsyncd/core';
import type { ExpungeRecord, MailboxMail, MailRecord } from '@dsyncd/mailstore';
import { guid128, type MailChangeItem } from '@dsyncd/protocol';

/** A mail that only one side has above the last common UID, or that both name by different UIDs. */
export interface LocalNew {
  readonly uid: number;
  readonly guid: string;
  readonly mail: MailRecord;
}
export interface RemoteNew {
  readonly uid: number;
  readonly guid: string;
  readonly change: MailChangeItem;
}

/** What is to be done about one UID above the last common one. */
export type Decision =
  | { readonly type: 'same'; readonly mail: MailRecord; readonly change: MailChangeItem }
  | { readonly type: 'expunge'; readonly mail: MailRecord }
  /** We expunged it, and the peer still has it or expunged it too. */
  | { readonly type: 'expunged-here'; readonly isSameMail: boolean }
  | { readonly type: 'note-expunge'; readonly change: MailChangeItem }
  | { readonly type: 'local-new'; readonly mail: MailRecord }
  | { readonly type: 'remote-new'; readonly change: MailChangeItem };

/**
 * Compares what both sides know of one UID. A mail is the same where UID and GUID are; it was expunged
 * where one side has an expunge record with its GUID; everything else is new to the other side. That a
 * side says nothing of a UID is no record: it may never have had that mail.
 */
export function compareUid(ours: Entry | undefined, theirs: MailChangeItem | undefined): Decision[] {
  if (theirs === undefined) return ours?.mail === undefined ? [] : [{ type: 'local-new', mail: ours.mail }];
  const isExpunge = theirs.kind === 'expunge';
  if (ours === undefined) return [{ type: isExpunge ? 'note-expunge' : 'remote-new', change: theirs }];
  if (ours.mail === undefined) {
    // Expunged here: the peer learns it from our own record; another mail under that UID is new to us.
    const isSameMail = isSameGuid(theirs, ours.expunge.guid);
    if (isExpunge || isSameMail) return [{ type: 'expunged-here', isSameMail }];
    return [{ type: 'remote-new', change: theirs }];
  }
  // Above the last common UID nothing says that both mean the same mail by a UID: an expunge must name its GUID.
  const isSameMail = isSameGuid(theirs, ours.mail.guid) && !(isExpunge && theirs.guid === undefined);
  if (isExpunge) return [{ type: isSameMail ? 'expunge' : 'local-new', mail: ours.mail }];
  if (isSameMail) return [{ type: 'same', mail: ours.mail, change: theirs }];
  return [
    { type: 'local-new', mail: ours.mail },
    { type: 'remote-new', change: theirs },
  ];
}

/** Does a change speak of the mail with this GUID? An expunge without a GUID speaks of whatever has its UID. */
export function isSameGuid({ kind, guid: theirs }: MailChangeItem, ours: string): boolean {
  if (theirs === undefined) return true;
  // Where one of the two comes from an expunge, both are known in that form only.
  return theirs === ours || (kind === 'expunge' ? theirs === guid128(ours) : guid128(theirs) === ours);
}

/** A UID that our mailbox gave out: the mail, or the record that it was expunged. */
export type Entry =
  | { readonly uid: number; readonly mail: MailRecord; readonly expunge?: undefined }
  | { readonly uid: number; readonly mail?: undefined; readonly expunge: ExpungeRecord };

interface EntryRange {
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
