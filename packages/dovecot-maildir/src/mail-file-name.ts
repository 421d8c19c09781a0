/** File names of mails in a Maildir: `BASE:2,LETTERS`. Pure. */

import { createHash } from 'node:crypto';
import type { MailboxGuid, MailGuid } from '@dsyncd/core';
import type { MailRecord } from '@dsyncd/mailstore';

/** Maildir's letters of the system flags, by position. */
const flagLetters: readonly string[] = ['R', 'F', 'T', 'S', 'D'];
export const keywordLettersMax = 26;

export interface FileFlags {
  readonly flags: number;
  /** Keyword numbers of the letters a to z, 0 to 25. */
  readonly keywordIndexes: readonly number[];
}

export interface MailFileName extends FileFlags {
  /** All before the `:`; never changes while the mail exists. */
  readonly base: string;
}

/** The base name that a mail of `mailbox` gets; the same each time, so that an import knows the mail by it. */
export const exportedBase = (mail: MailRecord, mailbox: MailboxGuid): string =>
  `${mail.receivedAt}${exportMark(mail.uid, mail.guid, mailbox)}S=${mail.size},W=${mail.virtualSize}`;

/** The UID that an exported mail had, when `base` is the name of one. The name does not say in which mailbox. */
export function exportedUid(base: string): number | undefined {
  const uid = /^\d+\.u(\d+)_[0-9a-f]{16}\.dsyncd,/.exec(base)?.[1];
  return uid === undefined ? undefined : Number(uid);
}

export const isExportedBase = (base: string, mailbox: MailboxGuid, uid: number, guid: MailGuid): boolean =>
  base.includes(exportMark(uid, guid, mailbox));

/** The mailbox is part of the hash, for a move leaves the name as it is. */
const exportMark = (uid: number, guid: MailGuid, mailbox: MailboxGuid): string =>
  `.u${uid}_${createHash('sha256').update(`${mailbox} ${guid}`).digest('hex').slice(0, 16)}.dsyncd,`;

export function mailFileName(base: string, { flags, keywordIndexes }: FileFlags): string {
  const letters = flagLetters.filter((_, bit) => flags & (1 << bit));
  // Readers may rely on the order of ASCII.
  const sorted = [...letters].sort().join('');
  const keywords = [...keywordIndexes].sort((a, b) => a - b).map((index) => String.fromCharCode(97 + index));
  return `${base}:2,${sorted}${keywords.join('')}`;
}

export function parseMailFileName(name: string): MailFileName {
  const colon = name.indexOf(':');
  const base = colon < 0 ? name : name.slice(0, colon);
  const info = colon < 0 ? '' : name.slice(colon + 1);
  const letters = info.startsWith('2,') ? info.slice(2).replace(/,.*/s, '') : '';
  let flags = 0;
  const keywordIndexes: number[] = [];
  for (const letter of letters) {
    const bit = flagLetters.indexOf(letter);
    if (bit >= 0) flags |= 1 << bit;
    if (letter >= 'a' && letter <= 'z') keywordIndexes.push(letter.charCodeAt(0) - 97);
  }
  return { base, flags, keywordIndexes };
}
