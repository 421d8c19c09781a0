import { keywordKey, keywordModSeqs, keywordsByKey, keywordsWithout } from '@dsyncd/core';
import type { FlagEdit } from '../flag-history.ts';
import { type MailRecord, systemFlags } from '../port.ts';
import type { MailState } from './export-record.ts';

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
