import { Worker } from 'node:worker_threads';
import { DsyncdError, type FailureKind } from '@dsyncd/core';
import type { FileAnswer, FileCall, FileCalls, FileProblem, FileRequest } from './messages.ts';

/** Node cannot run TypeScript: from source, the built worker beside it is started. */
const workerUrl = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/sqlite/queue-file.worker.js', import.meta.url)
  : new URL('./queue-file.worker.js', import.meta.url);

/** Rows pass through the thread and are gone: a small nursery keeps its memory small. */
const maxYoungGenerationSizeMb = 8;

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: DsyncdError) => void;
}

/** The file thread, seen from the main thread: calls are answered in the order in which they were made. */
export class FileThread {
  readonly #file: string;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #dead: DsyncdError | undefined;
  #isClosing = false;
  #onDeath: ((error: DsyncdError) => void) | undefined;

  constructor(file: string) {
    this.#file = file;
    // Conditions and loaders of the main thread (a test runner's) are none of the worker's.
    this.#worker = new Worker(workerUrl, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb } });
    this.#worker.on('message', (answer: FileAnswer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#die(error));
    this.#worker.on('exit', () => this.#die(undefined));
  }

  /** @throws {DsyncdError} with the SQLite or system error's text; `code` tells {@link isDamage}. */
  call<Name extends FileCall>(
    call: Name,
    ...[argument]: Parameters<FileCalls[Name]>
  ): Promise<ReturnType<FileCalls[Name]>> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const request: FileRequest = { id: this.#nextId++, call, argument };
    return new Promise((resolve, reject) => {
      this.#pending.set(request.id, { resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  /** The file is in use from now on: tells when the thread ends though nobody has closed it. */
  watch(onDeath: (error: DsyncdError) => void): void {
    this.#onDeath = onDeath;
    if (this.#dead !== undefined) onDeath(this.#dead);
  }

  async close(): Promise<void> {
    if (this.#dead !== undefined) return;
    this.#isClosing = true;
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    await this.call('close');
    await exited;
  }

  #settle(answer: FileAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ('error' in answer) pending?.reject(fileError(this.#file, answer.error));
    else pending?.resolve(answer.value as never);
  }

  #die(cause: Error | undefined): void {
    if (this.#dead !== undefined) return;
    const error = new DsyncdError(
      'DSYNCD_QUEUE_THREAD',
      `the thread that writes the queue file ${this.#file} ended${cause === undefined ? '' : `: ${cause.message}`}`,
      {
        // One that has worked will work again after a new start.
        outcome: this.#onDeath === undefined ? 'operator' : 'transient',
        hint: 'restart dsyncd; from a source tree, build it first',
        cause,
      },
    );
    this.#dead = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    if (!this.#isClosing) this.#onDeath?.(error);
  }
}

/** Errors that say themselves what they mean, and which need a person. */
const passedOn = new Set(['DSYNCD_QUEUE_LOCKED', 'DSYNCD_QUEUE_FOREIGN']);

function fileError(file: string, { code, message, hint }: FileProblem): DsyncdError {
  const options = hint === undefined ? {} : { hint };
  if (passedOn.has(code)) return new DsyncdError(code, message, { outcome: 'operator', ...options });
  const outcome: FailureKind = /^(SQLITE_(FULL|BUSY)|ENOSPC|EDQUOT)/.test(code) ? 'transient' : 'operator';
  const ours = /^SQLITE_(CORRUPT|NOTADB)/.test(code) ? 'DSYNCD_QUEUE_DAMAGED' : 'DSYNCD_QUEUE_FILE';
  return new DsyncdError(ours, `the queue file ${file} cannot be used: ${message} (${code})`, {
    outcome,
    ...options,
  });
}

export const isDamage = (error: unknown): boolean =>
  error instanceof DsyncdError && error.code === 'DSYNCD_QUEUE_DAMAGED';
