import { DsyncdError, deferred } from '@dsyncd/core';
import { threadFile, WorkerThread } from '@dsyncd/process';
import type { FileCalls } from './messages.ts';

/** Rows pass through the thread and are gone: a small nursery keeps its memory small. */
const maxYoungGenerationSizeMb = 8;

/**
 * The thread that writes the queue file, seen from the main thread. The file is open in it: once it has ended, every call
 * fails, and the program has to be started anew.
 */
export class FileThread {
  readonly #thread: WorkerThread<FileCalls>;
  readonly #broken = deferred<DsyncdError>();
  #ended: DsyncdError | undefined;
  #isInUse = false;

  constructor(file: string) {
    const error = (cause: Error | undefined): DsyncdError => this.#endedError(file, cause);
    this.#thread = new WorkerThread<FileCalls>({
      file: threadFile(import.meta.url, 'queue-file.worker'),
      resourceLimits: { maxYoungGenerationSizeMb },
      closedError: () => error(undefined),
      endedError: error,
      onEnd: (ended) => {
        this.#ended = ended;
        this.#broken.resolve(ended);
      },
    });
  }

  /** @throws {DsyncdError} with the SQLite or system error's text; see {@link isDamage}. */
  call<Name extends keyof FileCalls>(
    name: Name,
    ...args: Parameters<FileCalls[Name]>
  ): Promise<Awaited<ReturnType<FileCalls[Name]>>> {
    return this.#ended === undefined ? this.#thread.call(name, ...args) : Promise.reject(this.#ended);
  }

  /** The file is in use from now on. Fulfils when the thread ends though nobody has closed it; never rejects. */
  inUse(): Promise<DsyncdError> {
    this.#isInUse = true;
    return this.#broken.promise;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #endedError(file: string, cause: Error | undefined): DsyncdError {
    return new DsyncdError(
      'DSYNCD_QUEUE_THREAD',
      `the thread that writes the queue file ${file} ended${cause === undefined ? '' : `: ${cause.message}`}`,
      {
        // One that has worked will work again after a new start.
        outcome: this.#isInUse ? 'transient' : 'operator',
        hint: 'restart dsyncd; from a source tree, build it first',
        cause,
      },
    );
  }
}

export const isDamage = (error: unknown): boolean =>
  error instanceof DsyncdError && error.code === 'DSYNCD_QUEUE_DAMAGED';
