import type { Clock } from '@dsyncd/core';

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

/** Time that stands still until the test moves it. */
export class VirtualClock implements Clock {
  #elapsed = 0;
  /** What the clock shows beside the time that has passed. */
  #offset: number;
  readonly #alarms = new Set<Alarm>();

  /** @param startAt - Unix milliseconds */
  constructor(startAt = Date.UTC(2026, 0, 1)) {
    this.#offset = startAt;
  }

  now(): number {
    return this.#offset + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Somebody sets the clock; no time passes. */
  set(ms: number): void {
    this.#offset += ms;
  }

  after(delayMs: number, task: () => void): () => void {
    const alarm = { at: this.#elapsed + delayMs, ring: task };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Moves time on; whatever was to happen meanwhile happens in its order. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const next = [...this.#alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#alarms.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.ring();
    }
    this.#elapsed = end;
  }
}
