import { keywordKey } from '@dsyncd/core';
import { keywordsError } from '../../errors.ts';
import type { WireChange } from '../wire.ts';
import type { MailboxRow } from './mailbox-rows.ts';
import type { UserIndex } from './user-index.ts';

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
