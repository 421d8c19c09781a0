import {
  asMailboxGuid,
  asModSeq,
  asUid,
  asUidValidity,
  fail,
  keywordKey,
  type MailboxGuid,
} from '@dsyncd/core';
import { keywordsError, noMailboxError } from '../../errors.ts';
import { type NameEntry, NameTree, pathKey } from '../../name-tree.ts';
import type { DeletionRecord, MailboxStatus } from '../../port.ts';
import type { WireChange } from '../wire.ts';
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

const mailboxColumns =
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

// The name tree between the tables and NameTree.

export interface NameRow {
  readonly path: string;
  readonly present: number;
  readonly guid: string | null;
  readonly changed_at: number;
  readonly subscribed: number;
  readonly subscription_changed_at: number;
}

interface DeletionRow {
  readonly type: string;
  readonly name: string;
  readonly deleted_at: number;
}

export const nameColumns = 'path, present, names.guid, changed_at, subscribed, subscription_changed_at';

export function loadNames(index: UserIndex, mailboxesMax: number): NameTree {
  const entries = index.all<NameRow>(`select ${nameColumns} from names`).map(toEntry);
  return new NameTree({ entries, deletions: loadDeletions(index) }, mailboxesMax);
}

export const loadDeletions = (index: UserIndex): DeletionRecord[] =>
  index.all<DeletionRow>('select type, name, deleted_at from deletions').map(toDeletion);

export const toEntry = (row: NameRow): NameEntry => ({
  path: row.path.split('/'),
  exists: row.present === 1,
  ...(row.guid === null ? {} : { guid: asMailboxGuid(row.guid) }),
  lastRenamedOrCreated: row.changed_at,
  subscribed: row.subscribed === 1,
  lastSubscriptionChange: row.subscription_changed_at,
});

function toDeletion(row: DeletionRow): DeletionRecord {
  const deletedAt = row.deleted_at;
  switch (row.type) {
    case 'mailbox':
      return { type: 'mailbox', guid: asMailboxGuid(row.name), deletedAt };
    case 'given-up': {
      const [guid = '', by = ''] = row.name.split(' ');
      return { type: 'given-up', guid: asMailboxGuid(guid), by: asMailboxGuid(by), deletedAt };
    }
    case 'directory':
    case 'unsubscribe':
      return { type: row.type, path: row.name.split('/'), deletedAt };
    default:
      return fail(`unknown deletion record ${row.type}`);
  }
}

function nameOf(record: DeletionRecord): string {
  if (record.type === 'mailbox') return record.guid;
  return record.type === 'given-up' ? `${record.guid} ${record.by}` : pathKey(record.path);
}

/** Writes what the tree's operations touched. */
export function saveNames(index: UserIndex, tree: NameTree): void {
  for (const key of tree.touched.entries) {
    const entry = tree.entry(key);
    if (entry === undefined) index.run('delete from names where path = ?', key);
    else
      index.run(
        'insert or replace into names values (?, ?, ?, ?, ?, ?)',
        pathKey(entry.path),
        entry.exists ? 1 : 0,
        entry.guid ?? null,
        entry.lastRenamedOrCreated,
        entry.subscribed ? 1 : 0,
        entry.lastSubscriptionChange,
      );
  }
  for (const key of tree.touched.deletions) {
    const record = tree.deletion(key);
    if (record === undefined) index.run('delete from deletions where key = ?', key);
    else
      index.run(
        'insert or replace into deletions values (?, ?, ?, ?)',
        key,
        record.type,
        nameOf(record),
        record.deletedAt,
      );
  }
}

/**
 * Keeps the number of keywords in use in a mailbox within its limit. The table has every keyword
 * that ever came; only when that are too many the mails are asked which are still in use.
 */
export function checkKeywordLimit(
  index: UserIndex,
  mailbox: MailboxRow,
  changes: readonly WireChange[],
  keywordsMax: number,
): void {
  const added = new Set(changes.flatMap(keywordsOf).map(keywordKey));
  let news = 0;
  for (const word of added)
    news += index.run('insert or ignore into keywords values (?, ?)', mailbox.id, word);
  if (news === 0 || countKeywords(index, mailbox) <= keywordsMax) return;
  index.run(
    `delete from keywords where mailbox = ? and lower(word) not in
     (select lower(value) from mails, json_each(mails.keywords) where mails.mailbox = ? and keywords is not null)`,
    mailbox.id,
    mailbox.id,
  );
  if (countKeywords(index, mailbox) > keywordsMax) throw keywordsError(mailbox.guid, keywordsMax);
}

function keywordsOf(change: WireChange): readonly string[] {
  if (change.type === 'save') return change.keywords;
  return change.type === 'flags' ? (change.addKeywords ?? []) : [];
}

const countKeywords = (index: UserIndex, mailbox: MailboxRow): number =>
  index.get<{ count: number }>(
    'select count(distinct lower(word)) as count from keywords where mailbox = ?',
    mailbox.id,
  )?.count ?? 0;
