/** Says which mail of the store each mail of Dovecot's is. Pure. */

import type { MailboxGuid, MailGuid } from '@dsyncd/core';
import type { MailRecord } from '../port.ts';
import { exportedBase, exportedUid, isExportedBase } from './mail-file-name.ts';
import type { FolderMail } from './scan-maildir.ts';

export interface StoreSide {
  readonly mailbox: MailboxGuid;
  readonly records: ReadonlyMap<number, MailRecord>;
  /** GUIDs by UID of mails that were expunged in the store. */
  readonly expunged: ReadonlyMap<number, MailGuid>;
  /** UIDs by base names, of earlier imports. */
  readonly aliases: ReadonlyMap<string, number>;
  /** Whether UIDs of both sides can be compared: the UIDVALIDITY is the same. */
  readonly isSameUidValidity: boolean;
}

export interface MailMatch {
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
