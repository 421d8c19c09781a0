/** The small files that Dovecot keeps in a Maildir: `dovecot-uidlist`, `dovecot-keywords` and `subscriptions`. Pure. */

import { isMailboxGuid, type MailboxGuid, uint32Max } from '@dsyncd/core';
import type { MailboxStatus, MailRecord } from '@dsyncd/mailstore';

/** `dovecot-uidlist`, version 3: UIDVALIDITY, next UID, the mailbox GUID, and one line per mail. */
export interface UidList {
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly guid: MailboxGuid | undefined;
  /** By base file name. */
  readonly entries: ReadonlyMap<string, UidListEntry>;
}

interface UidListEntry {
  readonly uid: number;
  /** Missing: the base file name is the GUID. */
  readonly guid?: string;
}

/** A GUID that a line can hold: it ends at the next space. */
const fitsUidList = (guid: string): boolean => /^[\u0021-\u007e]+$/.test(guid);

export const uidListHeader = (status: MailboxStatus): string =>
  `3 V${status.uidValidity} N${status.uidNext} G${status.guid}\n`;

export function uidListLine(mail: MailRecord, base: string): string {
  const guid = fitsUidList(mail.guid) ? ` G${mail.guid}` : '';
  return `${mail.uid}${guid} S${mail.size} W${mail.virtualSize} :${base}\n`;
}

/** Undefined when `text` is not a uidlist of version 3. Unreadable lines are skipped; their mails then have no UID. */
export function parseUidList(text: string): UidList | undefined {
  const lines = text.split('\n');
  const header = lines.shift()?.split(' ') ?? [];
  if (header.shift() !== '3') return undefined;
  const fields = new Map(header.map((field) => [field.slice(0, 1), field.slice(1)]));
  const uidValidity = asNumber(fields.get('V'));
  if (uidValidity === undefined) return undefined;
  const entries = new Map<string, UidListEntry>();
  let highestUid = 0;
  for (const line of lines) {
    const entry = parseLine(line);
    // Dovecot's own rule: UIDs ascend, whatever does not is damaged.
    if (entry === undefined || entry.uid <= highestUid) continue;
    highestUid = entry.uid;
    entries.set(entry.base, { uid: entry.uid, guid: entry.guid });
  }
  const guid = fields.get('G') ?? '';
  return {
    uidValidity,
    // Dovecot writes new lines without a new header.
    uidNext: Math.max(asNumber(fields.get('N')) ?? 1, highestUid + 1),
    guid: isMailboxGuid(guid) ? guid : undefined,
    entries,
  };
}

function parseLine(line: string): { uid: number; base: string; guid: string | undefined } | undefined {
  const colon = / :/.exec(line);
  if (colon === null) return undefined;
  const [uidText, ...fields] = line.slice(0, colon.index).split(' ');
  const uid = asNumber(uidText);
  const base = line.slice(colon.index + 2);
  if (uid === undefined || uid === 0 || base === '') return undefined;
  return { uid, base, guid: fields.find((field) => field.startsWith('G'))?.slice(1) };
}

const asNumber = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= uint32Max ? value : undefined;
};

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

/** Version 2: one line per name, its levels separated by tabs. `names` are folder names, e.g. `Work.2026`. */
export const formatSubscriptions = (names: readonly string[]): string =>
  `V\t2\n\n${names.map((name) => `${name.split('.').map(tabEscape).join('\t')}\n`).join('')}`;

/** Folder names; reads version 1 (one name per line) and 2. */
export function parseSubscriptions(text: string): readonly string[] {
  const isVersion2 = text.startsWith('V\t2\n');
  const lines = (isVersion2 ? text.slice(4) : text).split('\n').filter((line) => line !== '');
  return isVersion2 ? lines.map((line) => line.split('\t').map(tabUnescape).join('.')) : lines;
}

const escapes: Readonly<Record<string, string>> = { '1': '\u0001', t: '\t', r: '\r', n: '\n', '0': '\u0000' };
const tabEscape = (text: string): string => text.replaceAll('\u0001', '\u00011');
const tabUnescape = (text: string): string =>
  text.replace(/\u0001(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
