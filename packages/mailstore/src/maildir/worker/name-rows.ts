/** The name tree between the tables and {@link NameTree}. */

import { asMailboxGuid, fail } from '@dsyncd/core';
import type { DeletionRecord } from '../../port.ts';
import { type NameEntry, NameTree } from '../../tree/name-tree.ts';
import { pathKey } from '../../tree/paths.ts';
import type { UserIndex } from './user-index.ts';

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
