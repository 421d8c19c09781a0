/** So many at once; the others wait in line. */
export class Slots {
  readonly #countMax: () => number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(countMax: () => number) {
    this.#countMax = countMax;
  }

  /** Runs `task` when there is room. @throws `signal.reason` when that aborts first. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await task();
    } finally {
      this.#taken--;
      this.#waiting.shift()?.();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    while (this.#taken >= this.#countMax()) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        const onAbort = (): void => {
          const index = this.#waiting.indexOf(wake);
          if (index >= 0) this.#waiting.splice(index, 1);
          resolve();
        };
        signal.addEventListener('abort', onAbort, { once: true });
        this.#waiting.push(wake);
      });
    }
    signal.throwIfAborted();
    this.#taken++;
  }
}
