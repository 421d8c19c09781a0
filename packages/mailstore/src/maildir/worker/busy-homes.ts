import { DsyncdError } from '@dsyncd/core';
import { isSqliteBusy } from '@dsyncd/process';

/** Transactions are short: a wait this long is for a process that hangs. */
const patienceMs = 20_000;
const retryMsMin = 10;
const retryMsMax = 100;

/**
 * Calls on homes whose index another process has locked: tried again from time to time while those of other homes go
 * on. Calls on one home keep their order.
 */
export class BusyHomes {
  /** By home: what comes after the call that waits. */
  readonly #behind = new Map<string, (() => Promise<void>)[]>();

  /**
   * Runs `work`, which must do all or nothing, now if it can. Answers as `work` does: at once unless that, or the index,
   * takes time.
   */
  run(home: string, work: () => unknown): unknown {
    if (this.#behind.has(home)) return this.#waitBehind(home, work);
    try {
      const result = work();
      return result instanceof Promise
        ? result.catch((error: unknown) => this.#retry(home, work, error))
        : result;
    } catch (error) {
      return this.#retry(home, work, error);
    }
  }

  /** @throws `error` when it is another one */
  #retry(home: string, work: () => unknown, error: unknown): Promise<unknown> {
    if (!isBusy(error)) throw error;
    // One that began beside the call that waits by now.
    if (this.#behind.has(home)) return this.#waitBehind(home, work);
    this.#behind.set(home, []);
    // Only then, so that answers come in order, too.
    return this.#persist(work).finally(() => setImmediate(() => void this.#goOn(home)));
  }

  #waitBehind(home: string, work: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#behind.get(home)?.push(() => this.#persist(work).then(resolve, reject));
    });
  }

  async #persist(work: () => unknown): Promise<unknown> {
    const until = performance.now() + patienceMs;
    for (let waitMs = retryMsMin; ; waitMs = Math.min(retryMsMax, waitMs * 2)) {
      try {
        return await work();
      } catch (error) {
        if (!isBusy(error) || performance.now() >= until) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  async #goOn(home: string): Promise<void> {
    const behind = this.#behind.get(home) ?? [];
    for (let next = behind.shift(); next !== undefined; next = behind.shift()) await next();
    this.#behind.delete(home);
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof DsyncdError ? error.code === 'DSYNCD_STORE_INDEX_BUSY' : isSqliteBusy(error);
