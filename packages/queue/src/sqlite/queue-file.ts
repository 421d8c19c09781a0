import { DsyncdError, messageOf, systemCode, systemErrorHint } from '@dsyncd/core';
import {
  type FileLock,
  isDatabaseDamage,
  moveDatabaseAside,
  openOwnedDatabase,
  tryLockFile,
} from '@dsyncd/process';
import type { Database } from 'better-sqlite3';
import {
  type CommitBatch,
  type FailureRow,
  type FileCalls,
  type FilePlace,
  messageRowWidth,
  type OpenedFile,
  type UsersPage,
} from './messages.ts';
import { format, putRow, selectRows, sweepTables } from './schema.ts';

const pageRows = 5_000;
const cacheKiB = 8_000;
const lockTimeoutMs = 1_000;

/**
 * The queue's SQLite file. Everything here blocks: it belongs into a thread of its own.
 *
 * The lock is a second file that is held in an exclusive transaction: the kernel frees it when the
 * process dies, and the queue file itself stays readable for `sqlite3` while the service runs.
 */
export class QueueFile implements FileCalls {
  #file = '';
  #fileBytesMax = 0;
  #lock: FileLock | undefined;
  #database: Database | undefined;
  #commit: ((batch: CommitBatch) => void) | undefined;
  #channelCount = 0;

  get path(): string {
    return this.#file;
  }

  open({ file, fileBytesMax }: FilePlace): OpenedFile {
    this.#file = file;
    this.#fileBytesMax = fileBytesMax;
    this.#lock = takeLock(`${file}.lock`);
    let damaged: OpenedFile['damaged'];
    try {
      this.#openDatabase();
    } catch (error) {
      if (!isDatabaseDamage(error)) throw error;
      damaged = { movedTo: this.moveAside(), reason: error.message };
    }
    const channels = this.#db
      .prepare<[], [unknown, unknown]>('SELECT name, paused FROM channels ORDER BY id')
      .raw()
      .all()
      .map(([name, paused]) => ({ name: String(name), isPaused: paused === 1 }));
    const idMax = this.#db.prepare('SELECT max(id) FROM users').pluck().get();
    this.#channelCount = channels.length;
    return { channels, userIdBound: typeof idMax === 'number' ? idMax + 1 : 0, damaged };
  }

  users(afterId: number): UsersPage {
    const rows = this.#db
      .prepare<[number, number], [number, unknown]>(
        'SELECT id, name FROM users WHERE id > ? ORDER BY id LIMIT ?',
      )
      .raw()
      .all(afterId, pageRows);
    return { ids: Float64Array.from(rows, ([id]) => id), names: rows.map(([, name]) => name) };
  }

  rows(afterKey: number): Float64Array<ArrayBuffer> {
    const rows = this.#db.prepare<[number, number], unknown[]>(selectRows).raw().all(afterKey, pageRows);
    const numbers = new Float64Array(rows.length * messageRowWidth);
    let offset = 0;
    for (const row of rows)
      for (const value of row) numbers[offset++] = typeof value === 'number' ? value : 0;
    return numbers;
  }

  failures(afterKey: number): readonly FailureRow[] {
    return this.#db
      .prepare<[number, number], [number, unknown, unknown, unknown]>(
        'SELECT id, code, reason, hint FROM failures WHERE id > ? ORDER BY id LIMIT ?',
      )
      .raw()
      .all(afterKey, pageRows)
      .map(([key, code, reason, hint]) => ({
        key,
        code: String(code),
        reason: String(reason),
        hint: hint === null ? undefined : String(hint),
      }));
  }

  state(key: number): string | undefined {
    const state = this.#db.prepare('SELECT state FROM states WHERE id = ?').pluck().get(key);
    return typeof state === 'string' ? state : undefined;
  }

  commit(batch: CommitBatch): void {
    if (this.#commit === undefined) throw new Error('the queue file is not open');
    this.#commit(batch);
    this.#channelCount = batch.channels.length;
  }

  sweep(unusableUsers: readonly number[]): void {
    const database = this.#db;
    const dropUser = database.prepare('DELETE FROM users WHERE id = ?');
    const sweep = database.transaction(() => {
      for (const id of unusableUsers) dropUser.run(id);
      database.exec(sweepTables);
    });
    sweep.immediate();
  }

  moveAside(): string {
    this.#database?.close();
    const movedTo = moveDatabaseAside(this.#file);
    this.#channelCount = 0;
    this.#openDatabase();
    return movedTo;
  }

  close(): void {
    this.#database?.close();
    this.#lock?.release();
  }

  get #db(): Database {
    if (this.#database === undefined) throw new Error('the queue file is not open');
    return this.#database;
  }

  #openDatabase(): void {
    const database = openOwnedDatabase(
      this.#file,
      { ...format, foreignError: (what) => foreignError(this.#file, what) },
      cacheKiB,
      (opened) => {
        const pageBytes = Number(opened.pragma('page_size', { simple: true }));
        opened.pragma(`max_page_count = ${Math.max(1, Math.floor(this.#fileBytesMax / pageBytes))}`);
      },
    );
    this.#database = database;
    this.#commit = this.#prepareCommit(database);
  }

  #prepareCommit(database: Database): (batch: CommitBatch) => void {
    const putChannel = database.prepare(
      'INSERT OR REPLACE INTO channels (id, name, paused) VALUES (?, ?, ?)',
    );
    const putUser = database.prepare('INSERT OR REPLACE INTO users (id, name) VALUES (?, ?)');
    const dropUser = database.prepare('DELETE FROM users WHERE id = ?');
    const put = database.prepare(putRow);
    const drops = ['entries', 'states', 'failures'].map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE id = ?`),
    );
    const putState = database.prepare('INSERT OR REPLACE INTO states (id, state) VALUES (?, ?)');
    const dropState = database.prepare('DELETE FROM states WHERE id = ?');
    const putFailure = database.prepare(
      'INSERT OR REPLACE INTO failures (id, code, reason, hint) VALUES (?, ?, ?, ?)',
    );
    const transaction = database.transaction((batch: CommitBatch) => {
      for (const [index, { name, isPaused }] of batch.channels.entries())
        if (batch.hasChangedChannels || index >= this.#channelCount)
          putChannel.run(index, name, isPaused ? 1 : 0);
      for (const { id, name } of batch.users) {
        if (name === undefined) dropUser.run(id);
        else putUser.run(id, name);
      }
      for (let offset = 0; offset < batch.rows.length; offset += messageRowWidth) {
        const row = batch.rows.subarray(offset, offset + messageRowWidth);
        if (row[1] === 0) for (const drop of drops) drop.run(row[0]);
        else put.run(...row);
      }
      for (const { key, state } of batch.states) {
        if (state === '') dropState.run(key);
        else putState.run(key, state);
      }
      for (const { key, code, reason, hint } of batch.failures)
        putFailure.run(key, code, reason, hint ?? null);
    });
    return (batch) => transaction.immediate(batch);
  }
}

function takeLock(lockFile: string): FileLock {
  const lock = tryLockFile(lockFile, lockTimeoutMs);
  if (lock !== undefined) return lock;
  throw new DsyncdError('DSYNCD_QUEUE_LOCKED', `another process uses the queue: ${lockFile} is locked`, {
    outcome: 'operator',
    hint: 'one dsyncd per state_dir: stop the other one, or give this one its own state_dir',
  });
}

const foreignError = (file: string, what: string): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_FOREIGN', `the queue file ${file} ${what}`, {
    outcome: 'operator',
    hint: 'check state_dir; after a downgrade, move the file away: every user is then synced in full',
  });

/** What went wrong with the queue file, as an error that an operator can act on. */
export function queueFileError(file: string, error: unknown): DsyncdError {
  // These say themselves what they mean.
  if (error instanceof DsyncdError) return error;
  const code = systemCode(error) || 'UNKNOWN';
  const message = messageOf(error);
  return new DsyncdError(
    isDatabaseDamage(error) ? 'DSYNCD_QUEUE_DAMAGED' : 'DSYNCD_QUEUE_FILE',
    `the queue file ${file} cannot be used: ${message} (${code})`,
    {
      outcome: /^(SQLITE_(FULL|BUSY)|ENOSPC|EDQUOT)/.test(code) ? 'transient' : 'operator',
      hint: systemErrorHint(error),
    },
  );
}
