import type { Clock } from '@dsyncd/core';

/**
 * Notices when nothing moves while someone waits. One timer at most, looked at again only when it has run
 * out: a read that has to wait costs no timer of its own.
 */
export class StallWatch {
  readonly #clock: Clock;
  readonly #isWaiting: () => boolean;
  readonly #onStall: () => void;
  #timeoutMs: number;
  #quietSince = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, timeoutMs: number, isWaiting: () => boolean, onStall: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#isWaiting = isWaiting;
    this.#onStall = onStall;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  setTimeout(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.stop();
    if (this.#isWaiting()) this.onWait();
  }

  /** Someone begins to wait. */
  onWait(): void {
    this.#quietSince = this.#clock.elapsed();
    if (this.#cancel === undefined) this.#lookAgainAfter(this.#timeoutMs);
  }

  onMove(): void {
    this.#quietSince = this.#clock.elapsed();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #lookAgainAfter(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#cancel = undefined;
      if (!this.#isWaiting()) return;
      const quietMs = this.#clock.elapsed() - this.#quietSince;
      if (quietMs < this.#timeoutMs) this.#lookAgainAfter(this.#timeoutMs - quietMs);
      else this.#onStall();
    });
  }
}
