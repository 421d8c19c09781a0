/**
 * What an export noted in the Maildir, so that a later import can tell what Dovecot changed from what
 * the store changed: per mailbox the counters at that time, from which the store's own history says the rest.
 */

import { readFile, rename, writeFile } from 'node:fs/promises';
import { DsyncdError, isMailboxGuid, type MailboxGuid, type MailboxPath } from '@dsyncd/core';

const recordFileName = 'dsyncd-export.json';

export interface ExportRecord {
  readonly version: 1;
  readonly user: string;
  readonly mailboxes: readonly ExportedMailbox[];
  /** Folder names that are subscribed in both, with the names in the store. */
  readonly subscribed: readonly { readonly folder: string; readonly path: MailboxPath }[];
}

export interface ExportedMailbox {
  /** Folder without the leading dot; empty for INBOX. */
  readonly folder: string;
  readonly path: MailboxPath;
  readonly guid: MailboxGuid;
  /** Differs from `guid` when both sides created the mailbox independently. */
  readonly dovecotGuid: MailboxGuid;
  /** Mails below are known to both sides, but for `notThere`. */
  readonly uidNext: number;
  /** Flag changes up to here are known to both sides, but for `differing`. */
  readonly highestModSeq: number;
  /** First and last UIDs of runs of mails that Dovecot does not have. */
  readonly notThere: readonly (readonly [number, number])[];
  /** UIDs in the store by the base names of mails that Dovecot named. */
  readonly aliases: Readonly<Record<string, number>>;
  /** What Dovecot has, by UID, where the store has something else. */
  readonly differing: Readonly<Record<string, MailState>>;
}

export interface MailState {
  readonly flags: number;
  readonly keywords: readonly string[];
}

/** Written beside and renamed, so that a crash leaves the old one or the new one. */
export async function writeRecord(maildir: string, record: ExportRecord): Promise<void> {
  const path = `${maildir}/${recordFileName}`;
  await writeFile(`${path}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

/** @throws {DsyncdError} `DSYNCD_DOVECOT_NO_EXPORT` when the folder was not made by an export. */
export async function readRecord(maildir: string): Promise<ExportRecord> {
  try {
    const record: unknown = JSON.parse(await readFile(`${maildir}/${recordFileName}`, 'utf8'));
    if (isRecord(record)) return record;
  } catch (error) {
    throw notAnExport(maildir, error);
  }
  throw notAnExport(maildir, undefined);
}

const notAnExport = (maildir: string, cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_DOVECOT_NO_EXPORT', `${maildir} has no readable ${recordFileName}`, {
    outcome: 'operator',
    hint: 'give the home that an export made; without its record nothing says which mails were expunged',
    cause,
  });

const isRecord = (value: unknown): value is ExportRecord =>
  isObject(value) &&
  value.version === 1 &&
  typeof value.user === 'string' &&
  isList(value.mailboxes, isExportedMailbox) &&
  isList(value.subscribed, (item) => isObject(item) && typeof item.folder === 'string' && isPath(item.path));

const isExportedMailbox = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.folder === 'string' &&
  isPath(value.path) &&
  isGuid(value.guid) &&
  isGuid(value.dovecotGuid) &&
  Number.isSafeInteger(value.uidNext) &&
  Number.isSafeInteger(value.highestModSeq) &&
  isList(value.notThere, (range) => isList(range, Number.isSafeInteger)) &&
  isObject(value.aliases) &&
  isObject(value.differing);

const isGuid = (value: unknown): boolean => typeof value === 'string' && isMailboxGuid(value);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const isList = (value: unknown, isItem: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isItem);
const isPath = (value: unknown): boolean => isList(value, (part) => typeof part === 'string');

/** A set of UIDs as runs of first and last, ascending. */
type UidRanges = readonly (readonly [number, number])[];

/** `uids` ascend. */
export function uidRanges(uids: Iterable<number>): UidRanges {
  const ranges: [number, number][] = [];
  for (const uid of uids) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === uid) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges;
}

export function inRanges(ranges: UidRanges, uid: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const [first, last] = ranges[middle] ?? [0, 0];
    if (uid < first) high = middle;
    else if (uid > last) low = middle + 1;
    else return true;
  }
  return false;
}
