/** Which mail of the store each mail of Dovecot's is, and which side changed its flags. Pure. */

import {
  keywordKey,
  keywordModSeqs,
  keywordsByKey,
  keywordsWithout,
  type MailboxGuid,
  type MailGuid,
} from '@dsyncd/core';
import { type FlagEdit, type MailRecord, systemFlags } from '@dsyncd/mailstore';
import type { MailState } from './export-record.ts';
import { exportedBase, exportedUid, isExportedBase } from './mail-file-name.ts';
import type { FolderMail } from './read-maildir.ts';

interface StoreSide {
  readonly mailbox: MailboxGuid;
  readonly records: ReadonlyMap<number, MailRecord>;
  /** GUIDs by UID of mails that were expunged in the store. */
  readonly expunged: ReadonlyMap<number, MailGuid>;
  /** UIDs by base names, of earlier imports. */
  readonly aliases: ReadonlyMap<string, number>;
  /** Whether UIDs of both sides can be compared: the UIDVALIDITY is the same. */
  readonly isSameUidValidity: boolean;
}

interface MailMatch {
  readonly pairs: readonly { readonly record: MailRecord; readonly mail: FolderMail }[];
  /** In Dovecot only, and never in the store. */
  readonly fresh: readonly FolderMail[];
}

/** Mails that the store expunged since are in neither list. */
export function matchMails(mails: Iterable<FolderMail>, store: StoreSide): MailMatch {
  const free = new Map(store.records);
  const pairs: { readonly record: MailRecord; readonly mail: FolderMail }[] = [];
  const pair = (mail: FolderMail, record: MailRecord | undefined): boolean => {
    if (record === undefined || !free.delete(record.uid)) return false;
    pairs.push({ record, mail });
    return true;
  };
  const byBase = new Map(
    [...store.records.values()].map((record) => [exportedBase(record, store.mailbox), record]),
  );
  const unnamed = [...mails].filter((mail) => {
    const alias = store.aliases.get(mail.base);
    return !pair(mail, alias === undefined ? byBase.get(mail.base) : store.records.get(alias));
  });
  const byGuid = new Map<MailGuid, MailRecord[]>();
  for (const record of free.values()) byGuid.set(record.guid, [...(byGuid.get(record.guid) ?? []), record]);
  const unplaced = unnamed
    .filter((mail) => !isGone(mail, store))
    .filter((mail) => {
      const isSame = ({ uid }: MailRecord): boolean => store.isSameUidValidity && uid === mail.uid;
      return !pair(
        mail,
        byGuid.get(mail.guid)?.find((record) => free.has(record.uid) && isSame(record)),
      );
    });
  const fresh = unplaced.filter(
    (mail) =>
      !pair(
        mail,
        byGuid.get(mail.guid)?.find((record) => free.has(record.uid)),
      ),
  );
  return { pairs, fresh };
}

/** Whether the store had this very mail and expunged it. */
function isGone(mail: FolderMail, store: StoreSide): boolean {
  const alias = store.aliases.get(mail.base);
  if (alias !== undefined) return !store.records.has(alias);
  const named = exportedUid(mail.base);
  const namedGuid = named === undefined ? undefined : store.expunged.get(named);
  if (
    named !== undefined &&
    namedGuid !== undefined &&
    isExportedBase(mail.base, store.mailbox, named, namedGuid)
  )
    return true;
  if (!store.isSameUidValidity || mail.uid === undefined) return false;
  return store.expunged.get(mail.uid) === mail.guid;
}

/**
 * What to change in the store so that it has what Dovecot changed, and keeps what it changed itself. Pure.
 *
 * `base` is what Dovecot had when both were last compared. Without it both had the same then, and
 * what the store changed since has a modseq above `knownModSeq`.
 */
export function mergeState(
  mail: MailRecord,
  dovecot: MailState,
  base: MailState | undefined,
  knownModSeq: number,
): FlagEdit | undefined {
  const bits = systemFlags.map((_, bit) => 1 << bit);
  const changedBits = bits.filter((mask, bit) => {
    if ((dovecot.flags & mask) === (mail.flags & mask)) return false;
    if (base !== undefined) return (dovecot.flags & mask) !== (base.flags & mask);
    return (mail.flagModSeqs.flags[bit] ?? 0) <= knownModSeq;
  });
  const modSeqs = keywordModSeqs(mail.flagModSeqs.keywords);
  const baseKeys = keywordsByKey(base?.keywords ?? []);
  const isDovecots = (keyword: string, isSet: boolean): boolean =>
    base === undefined
      ? (modSeqs.get(keywordKey(keyword)) ?? 0) <= knownModSeq
      : baseKeys.has(keywordKey(keyword)) !== isSet;
  const addKeywords = keywordsWithout(dovecot.keywords, mail.keywords).filter((word) =>
    isDovecots(word, true),
  );
  const removeKeywords = keywordsWithout(mail.keywords, dovecot.keywords).filter((word) =>
    isDovecots(word, false),
  );
  if (changedBits.length + addKeywords.length + removeKeywords.length === 0) return undefined;
  const sum = (masks: readonly number[]): number => masks.reduce((all, mask) => all | mask, 0);
  return {
    addFlags: sum(changedBits.filter((mask) => dovecot.flags & mask)),
    removeFlags: sum(changedBits.filter((mask) => !(dovecot.flags & mask))),
    addKeywords,
    removeKeywords,
  };
}

export const sameState = (a: MailState, b: MailState): boolean =>
  a.flags === b.flags &&
  keywordsWithout(a.keywords, b.keywords).length === 0 &&
  keywordsWithout(b.keywords, a.keywords).length === 0;
