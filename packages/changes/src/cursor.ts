import { DsyncdError } from '@dsyncd/core';

/**
 * A place in the feed: the run of dsyncd in which it was given out, and the number of a change. A copy of the feed that is
 * put back knows nothing of later runs, and the run that the copy was made in ends there where the copy ends: a cursor
 * that was given out later is known as such, however far the numbers have come since.
 */
export interface Place {
  readonly run: string;
  readonly sequence: number;
}

export const cursorOf = ({ run, sequence }: Place): string => `${run}-${sequence}`;

/** @throws {DsyncdError} `DSYNCD_CHANGES_CURSOR` for text that no feed has made. */
export function placeOf(cursor: string): Place {
  const [, run, digits] = /^([0-9a-f]{16})-(\d{1,15})$/.exec(cursor) ?? [];
  if (run === undefined || digits === undefined) throw cursorError('is invalid');
  return { run, sequence: Number(digits) };
}

export const cursorError = (why: string): DsyncdError =>
  new DsyncdError('DSYNCD_CHANGES_CURSOR', `the cursor ${why}: changes since then may be missing`, {
    outcome: 'operator',
    hint: 'start over: take the cursor of since=now, go through all users, then go on from that cursor',
  });

/** A run of dsyncd, and the last number before it. */
export interface Run {
  readonly id: string;
  readonly from: number;
}

export interface Kept {
  /** Oldest first; the last is the present one. */
  readonly runs: readonly Run[];
  /** Changes with this number and lower ones are no longer kept. */
  readonly droppedUntil: number;
  readonly last: number;
}

/** Where to go on reading. @throws {DsyncdError} `DSYNCD_CHANGES_CURSOR` when something may be missing after it. */
export function sequenceAfter(cursor: string, { runs, droppedUntil, last }: Kept): number {
  const { run, sequence } = placeOf(cursor);
  const index = runs.findIndex(({ id }) => id === run);
  const found = runs[index];
  if (found === undefined) throw cursorError('is of another feed, or too old');
  const end = runs[index + 1]?.from ?? last;
  if (sequence > end) throw cursorError('is of another feed');
  if (sequence < droppedUntil) throw cursorError('is older than what is kept');
  return sequence;
}

/** So many runs are known; a cursor of an older one is refused. */
export const runsMax = 1_000;
