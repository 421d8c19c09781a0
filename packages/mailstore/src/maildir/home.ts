import { asMailboxGuid, type Clock, type MailboxGuid, type Random } from '@dsyncd/core';
import type { StoreLimits, SyncLock } from '../port.ts';
import { threadEndedError } from './disk-errors.ts';
import type { StageMemory } from './stage-body.ts';
import type { StoreCalls, StoreThread } from './store-thread.ts';
import type { SyncLocks } from './sync-locks.ts';
import type { HomePlace } from './wire.ts';
import type { Operations } from './worker/operations.ts';

/** What all handles of a store share. */
export interface StoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: StoreLimits;
  readonly memory: StageMemory;
  readonly locks: SyncLocks;
}

/** One user's home, with the worker that does its work. */
export class Home {
  readonly place: HomePlace;
  readonly #parts: StoreParts;
  readonly #thread: StoreThread;
  /** The sync lock of this handle, and how often the thread had ended when it took it. */
  #held: { readonly lock: SyncLock; readonly ends: number } | undefined;

  constructor(place: HomePlace, parts: StoreParts, thread: StoreThread) {
    this.place = place;
    this.#parts = parts;
    this.#thread = thread;
  }

  get limits(): StoreLimits {
    return this.#parts.limits;
  }

  get random(): Random {
    return this.#parts.random;
  }

  get memory(): StageMemory {
    return this.#parts.memory;
  }

  /** Takes the user's sync lock. Should the thread that holds it end, every later call on this handle fails. */
  async lock(timeoutMs: number): Promise<SyncLock> {
    const lock = await this.#parts.locks.take(this.place, timeoutMs);
    this.#held = { lock, ends: this.#thread.ends };
    return {
      release: () => {
        if (this.#held?.lock === lock) this.#held = undefined;
        return lock.release();
      },
    };
  }

  call<Name extends keyof Operations>(
    operation: Name,
    ...args: Operations[Name]['args']
  ): Promise<Operations[Name]['result']> {
    if (this.#held !== undefined && this.#held.ends !== this.#thread.ends)
      return Promise.reject(threadEndedError(new Error('the sync lock of the user went with it')));
    // TypeScript does not see that these are the arguments of this operation.
    return this.#thread.call(
      operation,
      ...([this.place, ...args] as unknown as Parameters<StoreCalls[Name]>),
    );
  }

  nowSeconds(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }

  newGuid(): MailboxGuid {
    return asMailboxGuid(this.#parts.random.hex(16));
  }

  /** No two processes come to the same, nor one that started anew with the same process id. */
  newTmpName(): string {
    return `${this.nowSeconds()}.${process.pid}.${process.hrtime.bigint()}.${this.#parts.random.hex(8)}`;
  }
}
