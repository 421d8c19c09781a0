import { type PriorityCode, priorities, type UserName } from '@dsyncd/core';
import type { NotifyRequest } from './sink.ts';

/** Users that are remembered between batches, so that the next notification of each costs one look-up. */
const knownUsersMax = 200_000;

interface Entry {
  readonly user: UserName;
  /** 0: nothing waits for this user. */
  code: PriorityCode | 0;
  origin: string | undefined;
}

/** Notifications merged by user: the highest priority, and the origin if all have the same. */
export class MergedRequests {
  #known = new Map<UserName, Entry>();
  #waiting: Entry[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  add(user: UserName, priority: PriorityCode, origin: string | undefined): void {
    let entry = this.#known.get(user);
    if (entry === undefined) {
      // A copy: the name may be a slice of a whole block, which would stay in memory with it.
      const copy = Buffer.from(user).toString() as UserName;
      entry = { user: copy, code: 0, origin };
      this.#known.set(copy, entry);
    }
    if (entry.code === 0) {
      entry.code = priority;
      entry.origin = origin;
      this.#waiting.push(entry);
      return;
    }
    if (entry.code < priority) entry.code = priority;
    // A change made here, or by two hosts, must go to all of them.
    if (entry.origin !== origin) entry.origin = undefined;
  }

  /** Takes all out, in the order in which they came. */
  take(): NotifyRequest[] {
    const requests: NotifyRequest[] = [];
    for (const entry of this.#waiting) {
      if (entry.code === 0) continue;
      const { user, origin } = entry;
      const priority = priorities[entry.code];
      requests.push(origin === undefined ? { user, priority } : { user, priority, origin });
      entry.code = 0;
    }
    this.#waiting = [];
    if (this.#known.size > knownUsersMax) this.#known = new Map();
    return requests;
  }
}
