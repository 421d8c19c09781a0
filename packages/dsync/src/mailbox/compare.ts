import type { MailRecord } from '@dsyncd/mailstore';
import { guid128, type MailChangeItem } from '@dsyncd/protocol';
import type { Entry } from './entries.ts';

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
