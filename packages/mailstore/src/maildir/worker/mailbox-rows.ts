import { asMailboxGuid, asModSeq, asUid, asUidValidity, type MailboxGuid } from '@dsyncd/core';
import { noMailboxError } from '../../errors.ts';
import type { MailboxStatus } from '../../port.ts';
import type { UserIndex } from './user-index.ts';

export interface MailboxRow {
  readonly id: number;
  readonly guid: MailboxGuid;
  readonly folder: string;
  readonly uid_validity: number;
  readonly uid_next: number;
  readonly highest_modseq: number;
  readonly first_recent_uid: number;
  readonly messages: number;
}

export const mailboxColumns =
  'mailboxes.id, mailboxes.guid, folder, uid_validity, uid_next, highest_modseq, first_recent_uid, messages';

/** @throws {DsyncdError} `DSYNCD_STORE_NO_MAILBOX` */
export function mailboxRow(index: UserIndex, guid: MailboxGuid): MailboxRow {
  const row = findMailboxRow(index, guid);
  if (row === undefined) throw noMailboxError(guid);
  return row;
}

export const findMailboxRow = (index: UserIndex, guid: MailboxGuid): MailboxRow | undefined =>
  index.get<MailboxRow>(`select ${mailboxColumns} from mailboxes where guid = ?`, guid);

export const statusOf = (row: MailboxRow): MailboxStatus => ({
  guid: asMailboxGuid(row.guid),
  uidValidity: asUidValidity(row.uid_validity),
  uidNext: asUid(row.uid_next),
  messagesCount: row.messages,
  firstRecentUid: asUid(row.first_recent_uid),
  highestModSeq: asModSeq(row.highest_modseq),
});
