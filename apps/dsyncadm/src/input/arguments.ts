import {
  asUid,
  checkMailboxPath,
  type MailboxPath,
  normalizeMailboxPath,
  type Uid,
  uint32Max,
} from '@dsyncd/core';
import { InvalidArgumentError } from 'commander';
import { usageError } from '../errors.ts';

/** A part of a UID set with both ends in it, the lower first. */
export interface UidRange {
  readonly from: Uid;
  readonly to: Uid;
}

const partsMax = 10_000;
const hint = 'UIDs are given as in IMAP: 7, 1:5, 1:5,7,12:*';

/**
 * Reads a UID set as IMAP writes it (RFC 9051 section 9, sequence-set): `1:5,7,*`.
 *
 * @param highestUid - what `*` stands for: the highest UID in the mailbox; 0 when it is empty, and
 * then `*` stands for nothing
 * @returns ranges in ascending order that neither overlap nor touch
 * @throws {DsyncdError} `DSYNCD_USAGE` that names the part which is wrong
 */
export function parseUidSet(text: string, highestUid: number): readonly UidRange[] {
  const parts = text.split(',', partsMax + 1);
  if (parts.length > partsMax) throw usageError(`a UID set has more than ${partsMax} parts`, hint);
  return merge(parts.flatMap((part) => parsePart(part, highestUid)));
}

/** Refuses a wrong UID set before anything is opened; `*` needs the mailbox and is checked later. */
export function checkUidSet(text: string): string {
  parseUidSet(text, 1);
  return text;
}

function parsePart(part: string, highestUid: number): UidRange[] {
  const ends = part.split(':');
  if (ends.length > 2) throw badPart(part);
  const numbers = ends.map((end) => (end === '*' ? highestUid : parseUid(end, part)));
  // In an empty mailbox `*` names no mail, and neither does a range that ends there.
  if (numbers.includes(0)) return [];
  return [{ from: asUid(Math.min(...numbers)), to: asUid(Math.max(...numbers)) }];
}

function parseUid(text: string, part: string): number {
  const uid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (uid === 0 || uid > uint32Max) throw badPart(part);
  return uid;
}

const badPart = (part: string): Error =>
  usageError(`${JSON.stringify(part.slice(0, 40))} is not a UID or a range of UIDs`, hint);

function merge(ranges: readonly UidRange[]): UidRange[] {
  const merged: UidRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && range.from <= last.to + 1)
      merged[merged.length - 1] = { from: last.from, to: asUid(Math.max(range.to, last.to)) };
    else merged.push(range);
  }
  return merged;
}

/**
 * A mailbox name of the command line, with `/` between its levels.
 * @throws {DsyncdError} `DSYNCD_MAILBOX_NAME`
 */
export function parseMailboxName(name: string): MailboxPath {
  const path = normalizeMailboxPath(name.split('/'));
  checkMailboxPath(path);
  return path;
}

export const mailboxName = (path: MailboxPath): string => path.join('/');

/** A count or a number of seconds on the command line. */
export function parseWholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/**
 * An instant of the command line as Unix seconds: ISO 8601 with a time zone, a date alone (UTC), or
 * Unix seconds.
 * @throws {DsyncdError} `DSYNCD_USAGE`
 */
export function parseInstant(text: string): number {
  const isIso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/.test(text);
  const seconds = isIso
    ? Math.floor(Date.parse(text) / 1000)
    : /^\d{1,11}$/.test(text)
      ? Number(text)
      : Number.NaN;
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw usageError(
    `${JSON.stringify(text.slice(0, 40))} is not an instant`,
    'write 2026-11-23T10:00:00Z, 2026-11-23T11:00:00+01:00, 2026-11-23 or Unix seconds',
  );
}
