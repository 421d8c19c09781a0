import { resolve } from 'node:path';
import { type Clock, fail, type Logger, type Random, silentLogger, type UserName } from '@dsyncd/core';
import { defaultStoreLimits, type MailStore, type StoreLimits } from '../port.ts';
import { listUsers } from './find-homes.ts';
import { Home, type StoreParts } from './home.ts';
import { MaildirUser } from './maildir-user.ts';
import { openIndexesOf } from './open-files-limit.ts';
import { StageMemory } from './stage-body.ts';
import { newStoreThread, type StoreThread } from './store-thread.ts';
import { SyncLocks } from './sync-locks.ts';
import type { RebuildReport } from './wire.ts';

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
  const threads = Array.from({ length: workers }, () => newStoreThread(logger, settings));
  const threadOf = (home: string): StoreThread =>
    threads[hash(home) % threads.length] ?? fail('a store needs at least one worker');
  const locks = new SyncLocks(clock, {
    take: (place) => threadOf(place.home).call('takeSyncLock', place),
    release: (place) => threadOf(place.home).call('releaseSyncLock', place),
  });
  const limits = { ...defaultStoreLimits, ...options.limits };
  const parts: StoreParts = { clock, random, limits, locks, memory: new StageMemory() };
  const homeOf = (user: UserName): Home => {
    const home = resolve(options.home(user));
    return new Home({ user, home }, parts, threadOf(home));
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
      const lock = await home.lock(rebuildLockTimeoutMs);
      try {
        return await home.call('rebuildIndex', clock.now());
      } finally {
        await lock.release();
      }
    },
    sweep: (user, olderThanMs) => homeOf(user).call('sweepNow', clock.now(), olderThanMs),
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

/** FNV-1a: spreads homes evenly, the same way each time. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}
