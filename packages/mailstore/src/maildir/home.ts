import { asMailboxGuid, type Clock, type MailboxGuid, type Random } from '@dsyncd/core';
import type { StoreLimits } from '../store-limits.ts';
import type { StageMemory } from './stage.ts';
import type { SyncLocks } from './sync-locks.ts';
import type { HomePlace } from './wire.ts';
import type { Operations } from './worker/operations.ts';
import type { WorkerLink } from './worker-link.ts';

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
  readonly #link: WorkerLink;

  constructor(place: HomePlace, parts: StoreParts, link: WorkerLink) {
    this.place = place;
    this.#parts = parts;
    this.#link = link;
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

  get locks(): SyncLocks {
    return this.#parts.locks;
  }

  call<Name extends keyof Operations>(
    operation: Name,
    ...args: Operations[Name]['args']
  ): Promise<Operations[Name]['result']> {
    return this.#link.call(operation, this.place, ...args);
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
