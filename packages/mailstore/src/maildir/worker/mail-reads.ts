/** Reads of one mailbox. Mails travel as one JSON text: cheaper to pass to another thread than objects. */

import {
  asMailboxGuid,
  asMailGuid,
  asModSeq,
  asUid,
  type MailboxGuid,
  type MailGuid,
  type ModSeq,
  type Uid,
} from '@dsyncd/core';
import type { ExpungeRecord, MailboxAttribute, MailPlace } from '../../port.ts';
import { type MailRow, mailColumns } from '../wire.ts';
import { mailboxRow, statusOf } from './index-rows.ts';
import type { UserIndex } from './user-index.ts';

/** Up to this many changed mails are found by modseq and sorted; more are found by walking the mailbox. */
const fewChanged = 5_000;
const byModSeq = 'modseq';
/** The plus keeps SQLite from taking the index on modseq. */
const byUid = '+modseq';

export const readStatus = (index: UserIndex, guid: MailboxGuid): ReturnType<typeof statusOf> =>
  statusOf(mailboxRow(index, guid));

export function readMails(index: UserIndex, guid: MailboxGuid, fromUid: Uid, limit: number): string {
  return index.read(() => {
    const { id } = mailboxRow(index, guid);
    return JSON.stringify(
      index.rows<MailRow>(
        `select ${mailColumns} from mails where mailbox = ? and uid >= ? order by uid limit ?`,
        id,
        fromUid,
        Math.max(limit, 0),
      ),
    );
  });
}

export function readChangedMails(
  index: UserIndex,
  guid: MailboxGuid,
  range: { readonly modSeq: ModSeq; readonly uidMax: Uid; readonly afterUid: Uid },
  limit: number,
): string {
  return index.read(() => {
    const mailbox = mailboxRow(index, guid);
    if (mailbox.highest_modseq <= range.modSeq) return '[]';
    return JSON.stringify(
      index.rows<MailRow>(
        `select ${mailColumns} from mails
         where mailbox = ? and ${isFew(index, 'mails', mailbox.id, range.modSeq) ? byModSeq : byUid} > ? and uid <= ? and uid > ? order by uid limit ?`,
        mailbox.id,
        range.modSeq,
        range.uidMax,
        range.afterUid,
        Math.max(limit, 0),
      ),
    );
  });
}

export function readExpunges(
  index: UserIndex,
  guid: MailboxGuid,
  range: { readonly modSeq: ModSeq; readonly afterUid: Uid },
  limit: number,
): readonly ExpungeRecord[] {
  return index.read(() => {
    const mailbox = mailboxRow(index, guid);
    if (mailbox.highest_modseq <= range.modSeq) return [];
    return index
      .rows<readonly [number, string, number]>(
        `select uid, guid, modseq from expunges
         where mailbox = ? and ${isFew(index, 'expunges', mailbox.id, range.modSeq) ? byModSeq : byUid} > ? and uid > ? order by uid limit ?`,
        mailbox.id,
        range.modSeq,
        range.afterUid,
        Math.max(limit, 0),
      )
      .map(([uid, mail, modSeq]) => ({ uid: asUid(uid), guid: asMailGuid(mail), modSeq: asModSeq(modSeq) }));
  });
}

function isFew(index: UserIndex, table: 'mails' | 'expunges', mailbox: number, modSeq: ModSeq): boolean {
  const row = index.get<{ count: number }>(
    `select count(*) as count from
     (select 1 from ${table} indexed by ${table}_modseq where mailbox = ? and modseq > ? limit ?)`,
    mailbox,
    modSeq,
    fewChanged,
  );
  return (row?.count ?? 0) < fewChanged;
}

export function readMail(index: UserIndex, guid: MailboxGuid, uid: Uid): string {
  const { id } = mailboxRow(index, guid);
  return JSON.stringify(
    index.rows<MailRow>(`select ${mailColumns} from mails where mailbox = ? and uid = ?`, id, uid),
  );
}

export function readMailsByGuid(index: UserIndex, guid: MailboxGuid, guids: readonly MailGuid[]): string {
  return index.read(() => {
    const { id } = mailboxRow(index, guid);
    const rows = [...new Set(guids)].flatMap((mail) =>
      index.rows<MailRow>(
        `select ${mailColumns} from mails indexed by mails_guid where guid = ? and mailbox = ?`,
        mail,
        id,
      ),
    );
    return JSON.stringify(rows.sort(([uidA], [uidB]) => uidA - uidB));
  });
}

export function readAttributes(
  index: UserIndex,
  guid: MailboxGuid,
  modSeq: ModSeq,
): readonly MailboxAttribute[] {
  return index.read(() => {
    const mailbox = mailboxRow(index, guid);
    if (mailbox.highest_modseq <= modSeq) return [];
    return index
      .all<{
        type: 'private' | 'shared';
        key: string;
        value: string | null;
        changed_at: number;
        modseq: number;
      }>(
        'select type, key, value, changed_at, modseq from attributes where mailbox = ? and modseq > ?',
        mailbox.id,
        modSeq,
      )
      .map(({ type, key, value, changed_at: changedAt, modseq }) => ({
        type,
        key,
        ...(value === null ? {} : { value }),
        changedAt,
        modSeq: asModSeq(modseq),
      }));
  });
}

/** Bodies known to be lost are no places to copy from. */
export function findBodies(index: UserIndex, guids: readonly MailGuid[]): ReadonlyMap<MailGuid, MailPlace> {
  return index.read(() => {
    const places = new Map<MailGuid, MailPlace>();
    for (const guid of guids) {
      const row = index.get<{ mailbox: string; uid: number }>(
        `select mailboxes.guid as mailbox, uid from mails indexed by mails_guid
         join mailboxes on mailboxes.id = mails.mailbox
         where mails.guid = ? and not exists
           (select 1 from lost where lost.mailbox = mails.mailbox and lost.uid = mails.uid) limit 1`,
        guid,
      );
      if (row !== undefined) places.set(guid, { mailbox: asMailboxGuid(row.mailbox), uid: asUid(row.uid) });
    }
    return places;
  });
}
