import { randomBytes } from 'node:crypto';
import { DsyncdError, messageOf, systemCode, systemErrorHint, type UserName } from '@dsyncd/core';
import { isDatabaseDamage, moveDatabaseAside, openOwnedDatabase } from '@dsyncd/process';
import type { Database } from 'better-sqlite3';
import { cursorOf, type Kept, runsMax, sequenceAfter } from '../cursor.ts';
import { type Backlog, type ChangePage, timeStepMs } from '../port.ts';
import type { FeedCalls, FeedPlace, OpenedFeed } from './messages.ts';
import { format } from './schema.ts';

const cacheKiB = 4_000;
/** At one each ten seconds these are eleven days, and 2 MB. */
const timesMax = 100_000;

/**
 * The feed's SQLite file. Everything here blocks: it belongs into a thread of its own. Nothing is kept in memory for a
 * user. The folder is this process's alone: the lock of the queue says so.
 */
export class FeedFile implements FeedCalls {
  #file = '';
  #usersMax = Number.POSITIVE_INFINITY;
  #database: Database | undefined;
  #note: ((users: readonly string[]) => void) | undefined;
  #kept: { runs: Kept['runs']; droppedUntil: number; last: number } = { runs: [], droppedUntil: 0, last: 0 };

  get path(): string {
    return this.#file;
  }

  open({ file, usersMax }: FeedPlace): OpenedFeed {
    this.#file = file;
    this.#usersMax = usersMax;
    try {
      this.#openDatabase();
      return { damagedTo: undefined };
    } catch (error) {
      if (!isDatabaseDamage(error)) throw error;
      return { damagedTo: this.#moveAside() };
    }
  }

  note(users: readonly string[]): void {
    try {
      this.#noting(users);
    } catch (error) {
      // Cursors of the damaged file are refused by the new one, so nothing is left out.
      if (!isDatabaseDamage(error)) throw error;
      this.#moveAside();
      this.#noting(users);
    }
  }

  page(since: string | undefined, limit: number): ChangePage {
    const after = since === undefined ? 0 : sequenceAfter(since, this.#kept);
    const rows = this.#db
      .prepare<[number, number], [number, string]>(
        'SELECT sequence, user FROM changes WHERE sequence > ? ORDER BY sequence LIMIT ?',
      )
      .raw()
      .all(after, limit + 1);
    const taken = rows.slice(0, limit);
    const hasMore = rows.length > limit;
    const sequence = hasMore ? (taken.at(-1)?.[0] ?? after) : this.#kept.last;
    return { users: taken.map(([, user]) => user as UserName), next: this.#cursor(sequence), hasMore };
  }

  end(): string {
    return this.#cursor(this.#kept.last);
  }

  backlog(since: string): Backlog {
    const after = sequenceAfter(since, this.#kept);
    const users = this.#db
      .prepare<[number], number>('SELECT count(*) FROM changes WHERE sequence > ?')
      .pluck()
      .get(after) as number;
    if (users === 0) return { users, since: undefined };
    // Older than all times that are kept: at least as long as the oldest of them.
    const at =
      this.#db
        .prepare<[number], number>('SELECT at FROM times WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1')
        .pluck()
        .get(after + 1) ??
      this.#db.prepare<[], number>('SELECT at FROM times ORDER BY sequence LIMIT 1').pluck().get();
    return { users, since: at };
  }

  mark(name: string): string | undefined {
    const cursor = this.#db.prepare('SELECT cursor FROM marks WHERE name = ?').pluck().get(name);
    return typeof cursor === 'string' ? cursor : undefined;
  }

  keepMark(name: string, cursor: string | undefined): void {
    if (cursor === undefined) this.#db.prepare('DELETE FROM marks WHERE name = ?').run(name);
    else this.#db.prepare('INSERT OR REPLACE INTO marks (name, cursor) VALUES (?, ?)').run(name, cursor);
  }

  close(): void {
    this.#database?.close();
  }

  get #db(): Database {
    if (this.#database === undefined) throw new Error('the file of the change feed is not open');
    return this.#database;
  }

  get #noting(): (users: readonly string[]) => void {
    if (this.#note === undefined) throw new Error('the file of the change feed is not open');
    return this.#note;
  }

  #cursor(sequence: number): string {
    const run = this.#kept.runs.at(-1)?.id ?? '';
    return cursorOf({ run, sequence });
  }

  #openDatabase(): void {
    const foreignError = (what: string): DsyncdError =>
      new DsyncdError('DSYNCD_CHANGES_FILE', `the change feed ${this.#file} ${what}`, {
        outcome: 'operator',
        hint: 'check state_dir; after a downgrade, move the file away: every consumer starts over',
      });
    const database = openOwnedDatabase(this.#file, { ...format, foreignError }, cacheKiB);
    this.#database = database;
    this.#beginRun(database);
    this.#note = this.#prepareNote(database);
  }

  #beginRun(database: Database): void {
    const [last, droppedUntil] = database
      .prepare<[], [number, number]>('SELECT last, dropped_until FROM numbers')
      .raw()
      .get() ?? [0, 0];
    const begin = database.transaction(() => {
      database
        .prepare('INSERT INTO runs (id, from_sequence) VALUES (?, ?)')
        .run(randomBytes(8).toString('hex'), last);
      database.prepare('DELETE FROM runs WHERE rowid <= (SELECT max(rowid) FROM runs) - ?').run(runsMax);
    });
    begin.immediate();
    const runs = database
      .prepare<[], [string, number]>('SELECT id, from_sequence FROM runs ORDER BY rowid')
      .raw()
      .all()
      .map(([id, from]) => ({ id, from }));
    this.#kept = { runs, droppedUntil, last };
  }

  #prepareNote(database: Database): (users: readonly string[]) => void {
    // Replaces the user's earlier change, too.
    const put = database.prepare('INSERT OR REPLACE INTO changes (sequence, user) VALUES (?, ?)');
    const putNumbers = database.prepare('UPDATE numbers SET last = ?, dropped_until = ?');
    const countAll = database.prepare('SELECT count(*) FROM changes').pluck();
    const nthOldest = database
      .prepare('SELECT sequence FROM changes ORDER BY sequence LIMIT 1 OFFSET ?')
      .pluck();
    const dropUntil = database.prepare('DELETE FROM changes WHERE sequence <= ?');
    const noteTime = this.#prepareTimes(database);
    const usersMax = this.#usersMax;
    const transaction = database.transaction((users: readonly string[], from: number, dropped: number) => {
      let last = from;
      noteTime(from + 1);
      for (const user of users) put.run(++last, user);
      let droppedUntil = dropped;
      // Numbers are given out densely enough that this is looked at only where there may be too many.
      if (last - dropped > usersMax) {
        const excess = Number(countAll.get()) - usersMax;
        if (excess > 0) {
          droppedUntil = Number(nthOldest.get(excess - 1));
          dropUntil.run(droppedUntil);
        }
      }
      putNumbers.run(last, droppedUntil);
      return { last, droppedUntil };
    });
    return (users) => {
      const { last, droppedUntil } = this.#kept;
      this.#kept = { ...this.#kept, ...transaction.immediate(users, last, droppedUntil) };
    };
  }

  /** Notes when that change came, if it is the first in a while. */
  #prepareTimes(database: Database): (sequence: number) => void {
    const put = database.prepare('INSERT OR REPLACE INTO times (sequence, at) VALUES (?, ?)');
    const drop = database.prepare(
      'DELETE FROM times WHERE sequence <= (SELECT sequence FROM times ORDER BY sequence DESC LIMIT 1 OFFSET ?)',
    );
    const lastAt = database
      .prepare<[], number>('SELECT at FROM times ORDER BY sequence DESC LIMIT 1')
      .pluck();
    return (sequence) => {
      const ageMs = Date.now() - (lastAt.get() ?? 0);
      // A clock that was set back is believed again at once.
      if (ageMs >= 0 && ageMs < timeStepMs) return;
      put.run(sequence, Date.now());
      drop.run(timesMax);
    };
  }

  #moveAside(): string {
    this.#database?.close();
    const movedTo = moveDatabaseAside(this.#file);
    this.#openDatabase();
    return movedTo;
  }
}

/** What went wrong with the feed's file, as an error that an operator can act on. */
export function feedFileError(file: string, error: unknown): DsyncdError {
  if (error instanceof DsyncdError) return error;
  const code = systemCode(error) || 'UNKNOWN';
  const message = messageOf(error);
  return new DsyncdError(
    'DSYNCD_CHANGES_FILE',
    `the change feed ${file} cannot be used: ${message} (${code})`,
    {
      outcome: /^(SQLITE_(FULL|BUSY|IOERR)|ENOSPC|EDQUOT)/.test(code) ? 'transient' : 'operator',
      hint: systemErrorHint(error),
    },
  );
}
