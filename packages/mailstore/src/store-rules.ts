/** What every store decides alike: flag changes and their modseqs, attributes, UIDVALIDITY values, sizes of mails. Pure. */

import {
  asUidValidity,
  byteTextLength,
  keywordKey,
  keywordsByKey,
  limits,
  quote,
  sortedKeywords,
  type UidValidity,
  uint32Max,
} from '@dsyncd/core';
import { limitError } from './errors.ts';
import { type FlagModSeqs, type MailboxAttribute, systemFlags } from './port.ts';

/** All bits of the system flags. */
export const allFlagBits = 2 ** systemFlags.length - 1;

export const emptyFlagModSeqs: FlagModSeqs = { flags: systemFlags.map(() => 0), keywords: {} };

interface FlagState {
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

/** @throws {DsyncdError} `DSYNCD_STORE_LIMIT` when the key is empty or the key or value is too long. */
export function checkAttribute(attribute: Omit<MailboxAttribute, 'modSeq'>): void {
  const key = quote(attribute.key);
  if (attribute.key === '') throw limitError('an attribute without a key');
  if (byteTextLength(attribute.key) > limits.attributeKeyBytesMax)
    throw limitError(`the attribute key ${key} is longer than ${limits.attributeKeyBytesMax} bytes`);
  if (byteTextLength(attribute.value ?? '') > limits.attributeValueBytesMax)
    throw limitError(`the value of attribute ${key} is longer than ${limits.attributeValueBytesMax} bytes`);
}

/** Whether setting `next` over `present` changes anything. */
export const isSameAttribute = (
  present: MailboxAttribute | undefined,
  next: Omit<MailboxAttribute, 'modSeq'>,
): boolean => present !== undefined && present.value === next.value && present.changedAt === next.changedAt;

/** Above this a value from a peer is not followed, or one odd peer could leave us without values. */
const followedMax = uint32Max - 2 ** 28;

/**
 * A UIDVALIDITY that never repeats or goes down for a user: Unix seconds, or one more than the highest one so far.
 * `highest` is that by {@link followUidValidity}, 0 at first.
 */
export function nextUidValidity(highest: number, nowSeconds: number): UidValidity {
  return asUidValidity(Math.max(Math.floor(nowSeconds), highest + 1, 1));
}

/** The new highest value after `given` was used. */
export const followUidValidity = (highest: number, given: number): number =>
  given > followedMax ? highest : Math.max(highest, given);

const lineFeed = 10;
const carriageReturn = 13;

/** Counts a body's bytes, and those it has when every line ends with CRLF; chunks may be cut anywhere. */
export class SizeCounter {
  size = 0;
  virtualSize = 0;
  #lastByte = 0;

  add(chunk: Uint8Array): void {
    this.size += chunk.length;
    this.virtualSize += chunk.length;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, at + 1)) {
      const before = at === 0 ? this.#lastByte : chunk[at - 1];
      if (before !== carriageReturn) this.virtualSize++;
    }
    this.#lastByte = chunk.at(-1) ?? this.#lastByte;
  }
}
