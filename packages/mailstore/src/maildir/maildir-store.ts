import { resolve } from 'node:path';
import {
  asMailboxGuid,
  type Clock,
  fail,
  type Logger,
  type MailboxGuid,
  type Random,
  silentLogger,
  type UserName,
} from '@dsyncd/core';
import { defaultStoreLimits, type MailStore, type StoreLimits } from '../port.ts';
import { listUsers } from './find-homes.ts';
import { MaildirUser } from './maildir-user.ts';
import { openIndexesOf } from './open-files-limit.ts';
import { StageMemory } from './stage-body.ts';
import { SyncLocks } from './sync-locks.ts';
import type { HomePlace, RebuildReport } from './wire.ts';
import type { Operations } from './worker/operations.ts';
import { WorkerLink } from './worker-link.ts';

export interface MaildirStoreOptions {
  /** The folder of a user; the same for every process, as its files are the only thing that they share. */
  readonly home: (user: UserName) => string;
  /** How {@link MailStore.users} finds users: a pattern such as `/srv/mail/%{user}`, or a listing. */
  readonly users?: string | (() => AsyncIterable<UserName>);
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  /** Threads that do the disk's work; a user always has the same one. Default 2. */
  readonly workers?: number;
  readonly limits?: Partial<StoreLimits>;
}

export interface MaildirStore extends MailStore {
  /**
   * Moves the index away and makes a new one from the mail files. Keeps mailboxes with GUID,
   * UIDVALIDITY and name, and mails with GUID, UID and date; flags come back with the next full sync.
   * @throws {DsyncdError} `DSYNCD_STORE_LOCKED` while the user is being synced.
   */
  rebuildIndex(user: UserName): Promise<RebuildReport>;
  /**
   * Removes what crashes left and no mail needs, older than `olderThanMs` (default 6 h). Happens by
   * itself once a day for each user that is opened.
   * @returns how many files and folders it removed.
   */
  sweep(user: UserName, olderThanMs?: number): Promise<number>;
}

const workersDefault = 2;
const rebuildLockTimeoutMs = 10_000;

/** Mail in Maildir++ folders with one SQLite index a user. */
export function openMaildirStore(options: MaildirStoreOptions): MaildirStore {
  const { clock, random } = options;
  const logger = options.logger ?? silentLogger;
  const { workers = workersDefault } = options;
  const settings = { openIndexesMax: openIndexesOf(workers) };
  const links = Array.from({ length: workers }, () => new WorkerLink(logger, settings));
  const linkOf = (home: string): WorkerLink =>
    links[hash(home) % links.length] ?? fail('a store needs at least one worker');
  const locks = new SyncLocks(clock, {
    open: (place) => linkOf(place.home).call('openLockFile', place),
    isPresent: (place, descriptor) => linkOf(place.home).call('isPresentLockFile', place, descriptor),
    close: (place, descriptor) => linkOf(place.home).call('closeLockFile', place, descriptor),
  });
  const limits = { ...defaultStoreLimits, ...options.limits };
  const parts: StoreParts = { clock, random, limits, locks, memory: new StageMemory() };
  const homeOf = (user: UserName): Home => {
    const home = resolve(options.home(user));
    return new Home({ user, home }, parts, linkOf(home));
  };
  return {
    async open(user, { create = false } = {}) {
      const home = homeOf(user);
      const { mailboxesPerUserMax: mailboxesMax } = limits;
      await home.call('open', {
        create,
        mailboxesMax,
        nowSeconds: home.nowSeconds(),
        inboxGuid: home.newGuid(),
      });
      return new MaildirUser(user, home);
    },
    users() {
      if (options.users === undefined) fail('this store was opened without a way to list users');
      return typeof options.users === 'string' ? listUsers(options.users) : options.users();
    },
    async rebuildIndex(user) {
      const home = homeOf(user);
      const lock = await locks.take(home.place, rebuildLockTimeoutMs);
      try {
        return await home.call('rebuildIndex', clock.now());
      } finally {
        await lock.release();
      }
    },
    sweep: (user, olderThanMs) => homeOf(user).call('sweepNow', clock.now(), olderThanMs),
    async close() {
      await Promise.all(links.map((link) => link.close()));
    },
  };
}

/** FNV-1a: spreads homes evenly, the same way each time. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}

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
