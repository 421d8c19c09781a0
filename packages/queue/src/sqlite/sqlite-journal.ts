import {
  type Clock,
  type Deferred,
  type DsyncdError,
  deferred,
  type Logger,
  toDsyncdError,
} from '@dsyncd/core';
import type { Journal } from '../journal.ts';
import type { Scheduler } from '../model/scheduler.ts';
import { flag, writeRow } from '../model/user-records.ts';
import { type Batch, Batches } from './batches.ts';
import { type FileThread, isDamage } from './file-thread.ts';
import { type CommitBatch, channelOfKey, messageRowWidth, recordKey, userOfKey } from './messages.ts';

export const retryDelayMs = 1_000;

export interface SqliteJournalOptions {
  readonly thread: FileThread;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Group commit: while one batch is being written, the next one gathers. A batch that cannot be
 * written is refused to those who wait for it, stays in memory, and is tried again.
 */
export class SqliteJournal implements Journal {
  readonly #thread: FileThread;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #batches = new Batches();
  readonly #settlers = new Map<number, Deferred<void>>();
  /** By record key, `''` for none: noted, and being written. */
  #notedStates = new Map<number, string>();
  #writtenStates = new Map<number, string>();
  #scheduler: Scheduler | undefined;
  #committed = 0;
  #writing: Promise<void> | undefined;
  #isFailing = false;
  #cancelRetry: (() => void) | undefined;

  constructor({ thread, clock, logger }: SqliteJournalOptions) {
    this.#thread = thread;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** From now on, this scheduler's records are written. */
  attach(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
  }

  noteRecord(channel: number, user: number): void {
    this.#batches.noteRecord(channel, user);
    this.#wake();
  }

  noteUser(user: number): void {
    this.#batches.noteUser(user);
    this.#wake();
  }

  noteChannels(): number {
    const batch = this.#batches.noteChannels();
    this.#wake();
    return batch;
  }

  noteState(channel: number, user: number, state: string): void {
    this.#notedStates.set(recordKey(channel, user), state);
  }

  batchOf(channel: number, user: number): number {
    return this.#batches.batchOf(channel, user);
  }

  settled(batch: number): Promise<void> {
    if (batch <= this.#committed) return Promise.resolve();
    const known = this.#settlers.get(batch);
    if (known !== undefined) return known.promise;
    const settler = deferred<void>();
    this.#settlers.set(batch, settler);
    return settler.promise;
  }

  async readState(channel: number, user: number): Promise<string | undefined> {
    const key = recordKey(channel, user);
    const recent = this.#notedStates.get(key) ?? this.#writtenStates.get(key);
    if (recent !== undefined) return recent === '' ? undefined : recent;
    try {
      return await this.#thread.call('state', key);
    } catch (error) {
      this.#logger.warn({ err: error }, 'state not readable: the user is synced in full');
      return undefined;
    }
  }

  /** Writes what is left; what cannot be written is logged and lost. */
  async close(): Promise<void> {
    this.#stopRetry();
    await this.#writing;
    this.#stopRetry();
    this.#writing = this.#write();
    await this.#writing;
    this.#stopRetry();
    await this.#thread.close();
  }

  #stopRetry(): void {
    const cancel = this.#cancelRetry;
    this.#cancelRetry = undefined;
    cancel?.();
  }

  #wake(): void {
    if (this.#writing !== undefined || this.#cancelRetry !== undefined || this.#scheduler === undefined)
      return;
    this.#writing = new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#write());
  }

  /** Writes batch after batch until nothing is left or one fails. */
  async #write(): Promise<void> {
    for (let batch = this.#batches.take(); batch !== undefined; batch = this.#batches.take()) {
      try {
        await this.#thread.call('commit', this.#snapshot(batch));
        this.#succeed(batch);
      } catch (error) {
        if (!(await this.#fail(batch, error))) break;
      }
    }
    // In the same turn as the last look for work: what is noted after this wakes the writer again.
    this.#writing = undefined;
  }

  #succeed(batch: Batch): void {
    this.#writtenStates.clear();
    this.#batches.written(batch);
    this.#committed = batch.number;
    if (this.#isFailing) this.#logger.info({}, 'queue file is written again');
    this.#isFailing = false;
    this.#settlers.get(batch.number)?.resolve();
    this.#settlers.delete(batch.number);
  }

  /** Answers true when the next try makes sense at once. */
  async #fail(batch: Batch, cause: unknown): Promise<boolean> {
    const error = toDsyncdError(cause, { code: 'DSYNCD_QUEUE_FILE', outcome: 'transient' });
    for (const [key, state] of this.#writtenStates)
      if (!this.#notedStates.has(key)) this.#notedStates.set(key, state);
    this.#writtenStates.clear();
    this.#batches.giveBack(batch);
    const hasNewFile = isDamage(error) && (await this.#startAnew());
    if (!hasNewFile) this.#retryLater(error);
    this.#settlers.get(batch.number)?.reject(error);
    this.#settlers.delete(batch.number);
    return hasNewFile;
  }

  #retryLater(error: DsyncdError): void {
    if (!this.#isFailing)
      this.#logger.error(
        { code: error.code, err: error, hint: error.hint },
        'queue file not written: kept in memory',
      );
    this.#isFailing = true;
    this.#cancelRetry = this.#clock.after(retryDelayMs, () => {
      this.#cancelRetry = undefined;
      this.#wake();
    });
  }

  /** The file is damaged while we run: everything but the states is in memory and goes into a new one. */
  async #startAnew(): Promise<boolean> {
    const scheduler = this.#scheduler;
    if (scheduler === undefined) return false;
    try {
      const movedTo = await this.#thread.call('moveAside');
      this.#logger.error(
        { movedTo },
        'queue file damaged: moved aside and written anew, users are synced in full',
      );
    } catch (error) {
      this.#logger.error({ err: error }, 'damaged queue file not moved aside');
      return false;
    }
    for (let user = 0; user < scheduler.users.idBound; user++) {
      if (scheduler.users.nameOf(user) === undefined) continue;
      this.#batches.noteUserFirst(user);
      for (const { index, records } of scheduler.channels) {
        if (!records.has(user, flag.known)) continue;
        if (!this.#notedStates.has(recordKey(index, user))) records.clear(user, flag.hasState);
        this.#batches.noteRecord(index, user);
      }
    }
    return true;
  }

  #snapshot(batch: Batch): CommitBatch {
    const scheduler = this.#scheduler;
    if (scheduler === undefined) throw new Error('no scheduler is attached');
    const rows = new Float64Array(batch.keys.length * messageRowWidth);
    const failures: CommitBatch['failures'][number][] = [];
    let offset = 0;
    for (const key of batch.keys) {
      const user = userOfKey(key);
      const channel = scheduler.channels[channelOfKey(key)];
      if (channel === undefined) continue;
      rows[offset] = key;
      writeRow(channel.records, user, rows, offset + 1);
      offset += messageRowWidth;
      const failure = channel.failures.get(user);
      if (failure !== undefined)
        failures.push({ key, code: failure.code, reason: failure.reason, hint: failure.hint });
      this.#takeState(key);
    }
    return {
      channels: scheduler.channels.map(({ name, isPaused }) => ({ name, isPaused })),
      hasChangedChannels: batch.hasChannels,
      rows,
      users: [...batch.users].map((id) => ({ id, name: scheduler.users.nameOf(id) })),
      failures,
      states: [...this.#writtenStates].map(([key, state]) => ({ key, state })),
    };
  }

  #takeState(key: number): void {
    const state = this.#notedStates.get(key);
    if (state === undefined) return;
    this.#notedStates.delete(key);
    this.#writtenStates.set(key, state);
  }
}
