/** Dovecot's `dovecot-uidlist`, version 3: UIDVALIDITY, next UID, the mailbox GUID, and a line a mail. Pure. */

import { isMailboxGuid, type MailboxGuid, uint32Max } from '@dsyncd/core';
import type { MailboxStatus, MailRecord } from '../port.ts';

export interface UidList {
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly guid: MailboxGuid | undefined;
  /** By base file name. */
  readonly entries: ReadonlyMap<string, UidListEntry>;
}

export interface UidListEntry {
  readonly uid: number;
  /** Missing: the base file name is the GUID. */
  readonly guid?: string;
}

/** A GUID that a line can hold: it ends at the next space. */
export const fitsUidList = (guid: string): boolean => /^[\u0021-\u007e]+$/.test(guid);

export const uidListHeader = (status: MailboxStatus): string =>
  `3 V${status.uidValidity} N${status.uidNext} G${status.guid}\n`;

export function uidListLine(mail: MailRecord, base: string): string {
  const guid = fitsUidList(mail.guid) ? ` G${mail.guid}` : '';
  return `${mail.uid}${guid} S${mail.size} W${mail.virtualSize} :${base}\n`;
}

/** Undefined when `text` is no uidlist of version 3. Lines that cannot be read are left out: their mails have no UID then. */
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
