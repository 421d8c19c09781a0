import type { Clock } from '@dsyncd/core';
import type { App } from './routes/context.ts';

/** Counts requests that are being answered, so that a stop can wait for them. */
export class OpenRequests {
  #count = 0;
  #onNone: (() => void) | undefined;

  watch(app: App): void {
    app.addHook('onRequest', async (_request, reply) => {
      this.#count++;
      reply.raw.once('close', () => {
        this.#count--;
        if (this.#count === 0) this.#onNone?.();
      });
    });
  }

  /** Settles when none is left, or after `timeoutMs`. */
  async none(clock: Clock, timeoutMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const cancelTimer = clock.after(timeoutMs, resolve);
      this.#onNone = () => {
        cancelTimer();
        resolve();
      };
    });
  }
}
