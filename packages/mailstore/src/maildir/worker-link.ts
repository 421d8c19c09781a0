import { Worker } from 'node:worker_threads';
import type { Logger } from '@dsyncd/core';
import { fromWireError, storeClosedError, workerDiedError } from './disk-errors.ts';
import { type Answer, type Call, type HomePlace, unasked, type WorkerSettings } from './wire.ts';
import type { Operations } from './worker/operations.ts';
import { workerFile } from './worker-file.ts';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One worker thread, started with its first call and anew after it died. Calls of one turn of the loop go as one message. */
export class WorkerLink {
  readonly #logger: Logger;
  readonly #settings: WorkerSettings;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #outgoing: Call[] = [];
  #lastId = unasked;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  constructor(logger: Logger, settings: WorkerSettings) {
    this.#logger = logger;
    this.#settings = settings;
  }

  call<Name extends keyof Operations>(
    operation: Name,
    place: HomePlace,
    ...args: Operations[Name]['args']
  ): Promise<Operations[Name]['result']> {
    if (this.#isClosed) return Promise.reject(storeClosedError());
    return this.#send(operation, place, args) as Promise<Operations[Name]['result']>;
  }

  /** Lets calls under way finish, closes the indexes and ends the thread. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    await this.#idle();
    // A worker that dies now has closed its files as well.
    await this.#send('close', { user: '', home: '' }, []).catch(() => undefined);
    this.#worker = undefined;
    await worker.terminate();
  }

  #idle(): Promise<void> {
    return this.#pending.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#onIdle = resolve;
        });
  }

  #send(operation: string, place: HomePlace, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.#outgoing.push([id, operation, place, args]);
      if (this.#outgoing.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const calls = this.#outgoing;
    this.#outgoing = [];
    try {
      this.#worker ??= this.#start();
      // A thread that waits for work must not keep the process alive.
      this.#worker.ref();
      this.#worker.postMessage(calls);
    } catch (error) {
      for (const [id] of calls) this.#settle([id, false, { message: String(error) }], error);
    }
  }

  #start(): Worker {
    const worker = new Worker(workerFile(), {
      execArgv: [],
      trackUnmanagedFds: false,
      workerData: this.#settings,
    });
    worker.on('message', (answers: readonly Answer[]) => {
      for (const answer of answers) this.#settle(answer);
    });
    worker.on('error', (error) => this.#onEnd(worker, error));
    worker.on('exit', (code) => this.#onEnd(worker, new Error(`exit code ${code}`)));
    return worker;
  }

  #settle(answer: Answer, cause?: unknown): void {
    const [id, isOk, value] = answer;
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#onQuiet();
    if (isOk) pending?.resolve(value);
    else if (pending !== undefined) pending.reject(cause instanceof Error ? cause : fromWireError(value));
    else
      this.#logger.warn(
        { error: value.message, code: value.code },
        'work of the mail store on its own failed',
      );
  }

  /** Whether a call that was under way happened is unknown, as after any crash. */
  #onEnd(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const failed = [...this.#pending.values()];
    this.#pending.clear();
    const error = workerDiedError(cause);
    if (failed.length > 0)
      this.#logger.error({ error: cause.message }, 'a worker thread of the mail store ended');
    for (const { reject } of failed) reject(error);
    this.#onQuiet();
  }

  #onQuiet(): void {
    this.#worker?.unref();
    this.#onIdle?.();
    this.#onIdle = undefined;
  }
}
