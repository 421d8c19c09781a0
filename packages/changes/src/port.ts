import type { FailureKind, UserName } from '@dsyncd/core';

/**
 * The ChangeFeed port: who changed, in order. Only the last change of each user counts, so the feed is
 * no larger than the number of users. Promises that every implementation keeps (see `./contract`):
 * - What {@link ChangeFeed.note} answered survives kill -9.
 * - Pages read one after the other, each from `next` of the one before, have every user who changed after the first
 *   cursor was given out. One user may come twice, none is left out.
 * - A cursor from which this cannot be promised is refused: it is older than what is kept, or of another feed, which a
 *   feed restored from an old copy is, too.
 */
export interface ChangeFeed {
  /** Settles when durable. Names are taken as they are: the caller has checked and spelt them. */
  note(users: readonly UserName[]): Promise<void>;
  /**
   * The users who changed after that cursor, the oldest change first.
   * @param since - `next` of another page; missing: from the oldest change that is kept
   * @param limit - users at most; 1 to {@link usersPerPageMax}
   * @throws {DsyncdError} `DSYNCD_CHANGES_CURSOR` when changes since then may be missing: start over with all users.
   */
  page(since: string | undefined, limit: number): Promise<ChangePage>;
  /** A cursor after everything that is noted now. */
  end(): Promise<string>;
  /** What there is after that cursor; throws as {@link page}. */
  backlog(since: string): Promise<Backlog>;
  /** Settles at the next {@link note} that becomes durable after this call; rejects with `signal.reason` on abort. */
  nextNote(signal: AbortSignal): Promise<void>;
  /** The cursor that was kept under that name. */
  mark(name: string): Promise<string | undefined>;
  /** Keeps a cursor under a name; undefined forgets it. Settles when durable. */
  keepMark(name: string, cursor: string | undefined): Promise<void>;
  close(): Promise<void>;
}

export interface ChangePage {
  readonly users: readonly UserName[];
  /** Where the next page begins; there always is one. */
  readonly next: string;
  /** There is more already. */
  readonly hasMore: boolean;
}

/** What a reader has not read yet. */
export interface Backlog {
  /** Users who changed. */
  readonly users: number;
  /**
   * Unix milliseconds: about when the first of these changes was noted, by up to {@link timeStepMs} too early; undefined
   * when there is none.
   */
  readonly since: number | undefined;
}

/** The time of a change is kept for the first one in each such span only. */
export const timeStepMs = 10_000;

export const usersPerPageMax = 10_000;

/** How a consumer is doing. Instants in Unix milliseconds. */
export interface ConsumerStatus {
  readonly name: string;
  /** `waiting`: it has everything. `running`: it is working. `failing`: the last run failed, the next one is due later. */
  readonly state: 'waiting' | 'running' | 'failing';
  /** It is being given all users, as it is new, or as its cursor was lost. */
  readonly startsOver: boolean;
  /** Users who changed and of whom it does not know yet; undefined while it starts over. */
  readonly usersBehind: number | undefined;
  /** When the first change was noted that it does not have; undefined when it has all, or while that is not known. */
  readonly behindSince: number | undefined;
  /** When the run began that is under way. */
  readonly runningSince: number | undefined;
  /** Successful and failed runs since dsyncd was started. */
  readonly runs: number;
  readonly failures: number;
  /** In a row, until now. */
  readonly failuresInRow: number;
  readonly lastSuccessAt: number | undefined;
  readonly nextTryAt: number | undefined;
  readonly failure: ConsumerFailure | undefined;
}

export interface ConsumerFailure {
  readonly code: string;
  readonly outcome: FailureKind;
  readonly reason: string;
  readonly hint: string | undefined;
}
