import { type Deferred, DsyncdError, deferred, type Logger, type UserName } from '@dsyncd/core';
import { threadFile, WorkerThread } from '@dsyncd/process';
import { NextNote } from '../next-note.ts';
import type { Backlog, ChangeFeed, ChangePage } from '../port.ts';
import type { FeedCalls, FeedPlace } from './messages.ts';

export interface SqliteFeedOptions {
  /** Made when it is not there; its folder must be, and must be this process's alone. */
  readonly file: string;
  readonly logger: Logger;
  /** Users whose last change is kept; more drop those whose change is longest ago. @defaultValue 10,000,000 */
  readonly usersMax?: number;
}

const usersMaxDefault = 10_000_000;

/**
 * Opens the feed in a file. A damaged one is moved aside to `FILE.damaged-N`: every cursor is refused then.
 * @throws {DsyncdError} `DSYNCD_CHANGES_FILE` when it cannot be read or made, or is of something else.
 */
export async function openSqliteFeed(options: SqliteFeedOptions): Promise<ChangeFeed> {
  const { file, logger, usersMax = usersMaxDefault } = options;
  const feed = new SqliteFeed({ file, usersMax });
  try {
    const damagedTo = await feed.open();
    if (damagedTo !== undefined)
      logger.error({ file, movedTo: damagedTo }, 'change feed damaged: moved aside, consumers start over');
    return feed;
  } catch (error) {
    await feed.close().catch(() => {
      // What went wrong before is reported to the caller; the thread ends in any case.
    });
    throw error;
  }
}

/** Group commit: while some users are being written, the next ones gather, each once. */
class SqliteFeed implements ChangeFeed {
  readonly #place: FeedPlace;
  readonly #thread: WorkerThread<FeedCalls>;
  readonly #notes = new NextNote();
  #gathered = new Set<UserName>();
  #gatheredDone: Deferred<void> = deferred();
  #writing: Promise<void> | undefined;
  /** How often the thread had ended when the file was opened in it; -1: it is not open. */
  #openedAfter = -1;
  #opened: Promise<string | undefined> = Promise.resolve(undefined);

  constructor(place: FeedPlace) {
    this.#place = place;
    this.#thread = new WorkerThread<FeedCalls>({
      file: threadFile(import.meta.url, 'feed-file.worker'),
      closedError: () => threadError(place.file),
      endedError: (cause) => threadError(place.file, cause),
    });
  }

  /** Opens the file where the thread has not got it open; answers where a damaged one was moved. */
  open(): Promise<string | undefined> {
    if (this.#openedAfter === this.#thread.ends) return this.#opened;
    this.#openedAfter = this.#thread.ends;
    this.#opened = this.#thread.call('open', this.#place).then(
      ({ damagedTo }) => damagedTo,
      (error: unknown) => {
        this.#openedAfter = -1;
        throw error;
      },
    );
    return this.#opened;
  }

  note(users: readonly UserName[]): Promise<void> {
    if (users.length === 0) return Promise.resolve();
    for (const user of users) {
      // To its end: a user who is noted again is the newest of them.
      this.#gathered.delete(user);
      this.#gathered.add(user);
    }
    const { promise } = this.#gatheredDone;
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#write());
    return promise;
  }

  page(since: string | undefined, limit: number): Promise<ChangePage> {
    return this.#call('page', since, limit);
  }

  end(): Promise<string> {
    return this.#call('end');
  }

  backlog(since: string): Promise<Backlog> {
    return this.#call('backlog', since);
  }

  nextNote(signal: AbortSignal): Promise<void> {
    return this.#notes.wait(signal);
  }

  mark(name: string): Promise<string | undefined> {
    return this.#call('mark', name);
  }

  keepMark(name: string, cursor: string | undefined): Promise<void> {
    return this.#call('keepMark', name, cursor);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#thread.close();
  }

  async #write(): Promise<void> {
    while (this.#gathered.size > 0) {
      const [users, done] = [[...this.#gathered], this.#gatheredDone];
      this.#gathered = new Set();
      this.#gatheredDone = deferred();
      try {
        await this.#call('note', users);
        done.resolve();
        this.#notes.wakeAll();
      } catch (error) {
        // The caller brings them again.
        done.reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
    // In the same turn as the last look for work: what is noted after this wakes the writer again.
    this.#writing = undefined;
  }

  /** A thread that was started anew opens the file first: what was answered is in it. */
  async #call<Name extends keyof FeedCalls>(
    name: Name,
    ...args: Parameters<FeedCalls[Name]>
  ): Promise<Awaited<ReturnType<FeedCalls[Name]>>> {
    await this.open();
    return this.#thread.call(name, ...args);
  }
}

const threadError = (file: string, cause?: Error): DsyncdError =>
  new DsyncdError(
    'DSYNCD_CHANGES_THREAD',
    `the thread that writes the change feed ${file} ended${cause === undefined ? '' : `: ${cause.message}`}`,
    {
      outcome: 'transient',
      hint: 'it is started again by itself; from a source tree, build it first',
      cause,
    },
  );
