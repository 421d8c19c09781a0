/** Dovecot's `dovecot-keywords` and `subscriptions`. Pure. */

import { type MailboxPath, mailboxPathProblem, normalizeMailboxPath } from '@dsyncd/core';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.ts';

export const formatKeywords = (keywords: readonly string[]): string =>
  keywords.map((keyword, index) => `${index} ${keyword}\n`).join('');

/** Keyword names by the number of their letter. */
export function parseKeywords(text: string): ReadonlyMap<number, string> {
  const keywords = new Map<number, string>();
  for (const line of text.split('\n')) {
    const match = /^(\d{1,4}) (.+)$/.exec(line);
    if (match?.[2] !== undefined) keywords.set(Number(match[1]), match[2]);
  }
  return keywords;
}

/** Version 2: a line a name, its levels separated by tabs. `names` are folder names, e.g. `Work.2026`. */
export const formatSubscriptions = (names: readonly string[]): string =>
  `V\t2\n\n${names.map((name) => `${name.split('.').map(tabEscape).join('\t')}\n`).join('')}`;

/** Folder names; reads version 1 (a name a line) and 2. */
export function parseSubscriptions(text: string): readonly string[] {
  const isVersion2 = text.startsWith('V\t2\n');
  const lines = (isVersion2 ? text.slice(4) : text).split('\n').filter((line) => line !== '');
  return isVersion2 ? lines.map((line) => line.split('\t').map(tabUnescape).join('.')) : lines;
}

const escapes: Readonly<Record<string, string>> = { '1': '\u0001', t: '\t', r: '\r', n: '\n', '0': '\u0000' };
const tabEscape = (text: string): string => text.replaceAll('\u0001', '\u00011');
const tabUnescape = (text: string): string =>
  text.replace(/\u0001(.)/gs, (_, letter: string) => escapes[letter] ?? letter);

/** The folder name of a path whose levels have no "."; `Work.2026`. */
export const encodeFolder = (path: MailboxPath): string => path.map(encodeModifiedUtf7).join('.');

/** Undefined when no mailbox can have that name. */
export function decodeFolder(folder: string): MailboxPath | undefined {
  const path: string[] = [];
  for (const part of folder.split('.')) {
    const decoded = decodeModifiedUtf7(part);
    if (decoded === undefined) return undefined;
    path.push(decoded);
  }
  return mailboxPathProblem(path) === undefined ? normalizeMailboxPath(path) : undefined;
}
