import type { Clock, UserName } from '@dsyncd/core';
import { lockedError } from '../errors.ts';
import type { SyncLock } from '../port.ts';

/** One user's lock; those that wait get it in the order in which they asked. */
export class MemorySyncLock {
  #held = false;
  readonly #waiting = new Set<() => void>();

  async take(clock: Clock, user: UserName, timeoutMs: number): Promise<SyncLock> {
    if (this.#held) await this.#wait(clock, user, timeoutMs);
    this.#held = true;
    let mine = true;
    return {
      release: () => {
        if (mine) this.#passOn();
        mine = false;
        return Promise.resolve();
      },
    };
  }

  #wait(clock: Clock, user: UserName, timeoutMs: number): Promise<void> {
    if (timeoutMs <= 0) return Promise.reject(lockedError(user, timeoutMs));
    return new Promise((resolve, reject) => {
      const onFree = (): void => {
        cancelTimeout();
        resolve();
      };
      const cancelTimeout = clock.after(timeoutMs, () => {
        this.#waiting.delete(onFree);
        reject(lockedError(user, timeoutMs));
      });
      this.#waiting.add(onFree);
    });
  }

  /** The lock stays held for the next one in line, so that no newcomer slips in between. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#held = false;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
