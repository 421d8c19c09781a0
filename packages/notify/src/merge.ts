import type { UserName } from '@dsyncd/core';
import { notifyPriorities, type PriorityCode } from '@dsyncd/protocol';
import type { NotifyRequest } from './sink.ts';

/** Notifications merged by user: the highest priority, and the origin if all have the same. */
export class MergedRequests {
  readonly #priorities = new Map<UserName, PriorityCode>();
  readonly #origins = new Map<UserName, string>();

  get size(): number {
    return this.#priorities.size;
  }

  add(user: UserName, priority: PriorityCode, origin: string | undefined): void {
    const before = this.#priorities.get(user);
    if (before === undefined) {
      // A copy: the name may be a slice of a whole block, which would stay in memory with it.
      const copy = Buffer.from(user).toString() as UserName;
      this.#priorities.set(copy, priority);
      if (origin !== undefined) this.#origins.set(copy, origin);
      return;
    }
    if (before < priority) this.#priorities.set(user, priority);
    // A change made here, or by two hosts, must go to all of them.
    if (this.#origins.size > 0 && this.#origins.get(user) !== origin) this.#origins.delete(user);
  }

  /** Takes all out. */
  take(): NotifyRequest[] {
    const requests: NotifyRequest[] = [];
    for (const [user, code] of this.#priorities) {
      const priority = notifyPriorities[code];
      const origin = this.#origins.get(user);
      requests.push(origin === undefined ? { user, priority } : { user, priority, origin });
    }
    this.#priorities.clear();
    this.#origins.clear();
    return requests;
  }
}
