import { statSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import type { Database, Statement } from 'better-sqlite3';
import { isMissing } from '../disk-errors.ts';
import type { HomePlace } from '../wire.ts';

type Value = string | number | null;

/** The open index of one user: typed statements, each prepared once, and transactions. */
export class UserIndex {
  readonly place: HomePlace;
  readonly file: string;
  /** Operations under way; an index in use is not closed to make room. */
  users = 0;
  readonly #db: Database;
  readonly #inode: number;
  readonly #statements = new Map<string, Statement<Value[]>>();

  constructor(db: Sqlite.Database, place: HomePlace, file: string) {
    this.#db = db;
    this.place = place;
    this.file = file;
    this.#inode = statSync(file).ino;
  }

  get home(): string {
    return this.place.home;
  }

  get<Row>(sql: string, ...values: Value[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  all<Row>(sql: string, ...values: Value[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** Rows as arrays of columns, which are cheaper to pass on. */
  rows<Row extends readonly unknown[]>(sql: string, ...values: Value[]): Row[] {
    return this.#statement(sql, true).all(...values) as unknown as Row[];
  }

  /** @returns how many rows changed. */
  run(sql: string, ...values: Value[]): number {
    return this.#statement(sql).run(...values).changes;
  }

  /** Several reads as of one moment. */
  read<T>(work: () => T): T {
    return this.#inTransaction('begin', work);
  }

  /** All of `work` or nothing, alone among the writers of all processes. `onUndo` runs when it failed. */
  write<T>(work: () => T, onUndo?: () => void): T {
    try {
      return this.#inTransaction('begin immediate', () => {
        if (!this.isCurrent()) throw new ReplacedError(this.file);
        return work();
      });
    } catch (error) {
      onUndo?.();
      throw error;
    }
  }

  /** False once the file was replaced or removed, by a rebuild or a new start of the home. */
  isCurrent(): boolean {
    try {
      return statSync(this.file).ino === this.#inode;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #inTransaction<T>(begin: string, work: () => T): T {
    this.#statement(begin).run();
    try {
      const result = work();
      this.#statement('commit').run();
      return result;
    } catch (error) {
      // Some errors, as of a full disk, end the transaction by themselves.
      if (this.#db.inTransaction) this.#statement('rollback').run();
      throw error;
    }
  }

  #statement(sql: string, isRaw = false): Statement<Value[]> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare<Value[]>(sql);
    if (isRaw) statement.raw();
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** The index was replaced under us: the caller opens the present one and tries once more. */
export class ReplacedError extends Error {
  constructor(file: string) {
    super(`${file} was replaced`);
    this.name = 'ReplacedError';
  }
}
