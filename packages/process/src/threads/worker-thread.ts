import { type ResourceLimits, Worker } from 'node:worker_threads';
import { DsyncdError, type ErrorCode, type FailureKind, InvariantError } from '@dsyncd/core';

/** The calls that a thread answers, by name; `close` gives back what the thread holds. */
type Calls<Table> = { readonly [Name in keyof Table]: (...args: never[]) => unknown };

export type ThreadCall = readonly [id: number, name: string, args: readonly unknown[]];
export type ThreadAnswer =
  | readonly [id: number, isOk: true, value: unknown]
  | readonly [id: number, isOk: false, error: ThreadError];

/** Id of an answer to no call: work that the thread does by itself has failed. */
export const unasked = 0;

/** An error as it passes between threads. */
export interface ThreadError {
  readonly code?: ErrorCode;
  readonly message: string;
  readonly outcome?: FailureKind;
  readonly hint?: string;
  readonly stack?: string;
}

export interface WorkerThreadOptions {
  readonly file: URL;
  readonly workerData?: unknown;
  readonly resourceLimits?: ResourceLimits;
  /** What a call after {@link WorkerThread.close} fails with. */
  readonly closedError: () => DsyncdError;
  /** What the calls under way fail with when the thread ends. */
  readonly endedError: (cause: Error) => DsyncdError;
  /** The thread ended and nobody closed it; `failedCalls` calls were under way. */
  readonly onEnd?: (error: DsyncdError, failedCalls: number) => void;
  /** Work that the thread does by itself has failed. */
  readonly onOwnFailure?: (error: Error) => void;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A worker thread that answers calls, see {@link answerCalls}. It starts with its first call. After it ended, the next
 * call starts it anew; whether the calls under way were done is unknown, as after any crash, and they fail.
 *
 * Calls are answered in order. Those of one turn of the event loop travel as one message.
 */
export class WorkerThread<Table extends Calls<Table>> {
  readonly #options: WorkerThreadOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #outgoing: ThreadCall[] = [];
  #lastId = unasked;
  #ends = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  constructor(options: WorkerThreadOptions) {
    this.#options = options;
  }

  /** How often the thread has ended by itself: what it held before is gone. */
  get ends(): number {
    return this.#ends;
  }

  call<Name extends keyof Table & string>(
    name: Name,
    ...args: Parameters<Table[Name]>
  ): Promise<Awaited<ReturnType<Table[Name]>>> {
    if (this.#isClosed) return Promise.reject(this.#options.closedError());
    return this.#send(name, args);
  }

  /** Lets calls under way finish, has the thread give back what it holds, and ends it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#pending.size > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    const worker = this.#worker;
    if (worker === undefined) return;
    // A thread that ends now has given back everything as well.
    await this.#send('close', []).catch(() => undefined);
    this.#worker = undefined;
    await worker.terminate();
  }

  #send<Value>(name: string, args: readonly unknown[]): Promise<Value> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.#outgoing.push([id, name, args]);
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
      for (const [id] of calls) this.#settle([id, false, { message: String(error) }]);
    }
  }

  #start(): Worker {
    const { file, workerData, resourceLimits } = this.#options;
    // Loaders and conditions of the main thread (a test runner's) do not fit the thread. A file that the thread opened for
    // the main thread stays open when the thread ends.
    const worker = new Worker(file, { execArgv: [], trackUnmanagedFds: false, workerData, resourceLimits });
    worker.on('message', (answers: readonly ThreadAnswer[]) => {
      for (const answer of answers) this.#settle(answer);
    });
    worker.on('error', (error) => this.#end(worker, error));
    worker.on('exit', (code) => this.#end(worker, new Error(`exit code ${code}`)));
    return worker;
  }

  #settle([id, isOk, value]: ThreadAnswer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#quiet();
    if (isOk) pending?.resolve(value as never);
    else if (pending !== undefined) pending.reject(fromThreadError(value));
    else this.#options.onOwnFailure?.(fromThreadError(value));
  }

  #end(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#ends++;
    const failed = [...this.#pending.values()];
    this.#pending.clear();
    const error = this.#options.endedError(cause);
    for (const { reject } of failed) reject(error);
    this.#quiet();
    if (!this.#isClosed) this.#options.onEnd?.(error, failed.length);
  }

  #quiet(): void {
    this.#worker?.unref();
    this.#onIdle?.();
    this.#onIdle = undefined;
  }
}

function fromThreadError({ code, message, outcome, hint, stack }: ThreadError): Error {
  if (code === undefined || outcome === undefined)
    return new InvariantError(stack === undefined ? message : `${message}\n${stack}`);
  return new DsyncdError(code, message, { outcome, hint });
}

/**
 * The file of a thread, `name` without extension: beside the module with the URL `besides` where that is bundled. Source that is
 * run directly uses the bundle too: types would be stripped anew for each thread, which takes a second.
 */
export const threadFile = (besides: string, name: string): URL =>
  besides.endsWith('.ts')
    ? new URL(`../../../../build/${name}.js`, import.meta.url)
    : new URL(`./${name}.js`, besides);
