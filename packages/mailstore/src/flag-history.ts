/** What a flag change does to a mail: its new flags, and the modseqs that tell a sync who changed what. Pure. */

import { keywordKey, keywordsByKey, limits, quote, sortedKeywords } from '@dsyncd/core';
import { limitError } from './errors.ts';
import { type FlagModSeqs, systemFlags } from './port.ts';

/** All bits of the system flags. */
export const allFlagBits = 2 ** systemFlags.length - 1;

export const emptyFlagModSeqs: FlagModSeqs = { flags: systemFlags.map(() => 0), keywords: {} };

export interface FlagState {
  readonly flags: number;
  /** Sorted, each once. */
  readonly keywords: readonly string[];
  readonly flagModSeqs: FlagModSeqs;
}

export interface FlagEdit {
  readonly addFlags?: number;
  readonly removeFlags?: number;
  readonly addKeywords?: readonly string[];
  readonly removeKeywords?: readonly string[];
}

/** The mail after `edit` (removals first), or undefined when nothing changes. `modSeq` is noted for each flag and keyword that changes. */
export function editFlags(state: FlagState, edit: FlagEdit, modSeq: number): FlagState | undefined {
  const flags = ((state.flags & ~(edit.removeFlags ?? 0)) | (edit.addFlags ?? 0)) & allFlagBits;
  const before = keywordsByKey(state.keywords);
  const after = new Map(before);
  for (const keyword of edit.removeKeywords ?? []) after.delete(keywordKey(keyword));
  for (const [key, keyword] of keywordsByKey(edit.addKeywords ?? []))
    after.set(key, before.get(key) ?? keyword);
  const changed = new Map([...before].filter(([key]) => !after.has(key)));
  for (const [key, keyword] of after) if (!before.has(key)) changed.set(key, keyword);
  const changedBits = flags ^ state.flags;
  if (changedBits === 0 && changed.size === 0) return undefined;
  return {
    flags,
    keywords: changed.size === 0 ? state.keywords : sortedKeywords(after.values()),
    flagModSeqs: {
      flags: state.flagModSeqs.flags.map((old, bit) => (changedBits & (1 << bit) ? modSeq : old)),
      keywords: Object.fromEntries([
        ...Object.entries(state.flagModSeqs.keywords).filter(([word]) => !changed.has(keywordKey(word))),
        ...[...changed.values()].map((word) => [word, modSeq] as const),
      ]),
    },
  };
}

/** @throws {DsyncdError} `DSYNCD_STORE_LIMIT` when a keyword is empty, too long, or has a space or control character. */
export function checkKeywords(keywords: readonly string[] | undefined): void {
  for (const keyword of keywords ?? []) {
    if (keyword === '' || /[\u0000-\u0020\u007f]/.test(keyword))
      throw limitError(`the keyword ${quote(keyword)} is empty or has a space or a control character`);
    if (Buffer.byteLength(keyword) > limits.keywordBytesMax)
      throw limitError(`the keyword ${quote(keyword)} is longer than ${limits.keywordBytesMax} bytes`);
  }
}
