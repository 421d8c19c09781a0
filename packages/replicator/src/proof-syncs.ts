import type { Clock, Logger } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { EndedSync } from './ended-sync.ts';

/** A user who never pauses is proven after so many times the pause all the same. */
const pausesMax = 10;

/** Asks for the full syncs that engines want to have after changes on both hosts at once. */
export class ProofSyncs {
  readonly #queue: ReplicationQueue;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waiting = new Map<string, { readonly since: number; readonly cancel: () => void }>();

  constructor(options: { queue: ReplicationQueue; clock: Clock; logger: Logger }) {
    this.#queue = options.queue;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** After each sync. */
  ended({ claim, result }: Pick<EndedSync, 'claim' | 'result'>): void {
    const key = `${claim.channel}\0${claim.user}`;
    const before = this.#waiting.get(key);
    before?.cancel();
    this.#waiting.delete(key);
    const { proofAfterMs } = result;
    if (proofAfterMs === undefined) return;
    const now = this.#clock.now();
    const since = before?.since ?? now;
    const waitMs = now - since >= pausesMax * proofAfterMs ? 0 : proofAfterMs;
    const cancel = this.#clock.after(waitMs, () => {
      this.#waiting.delete(key);
      void this.#ask(claim);
    });
    this.#waiting.set(key, { since, cancel });
  }

  async #ask({ user, channel }: EndedSync['claim']): Promise<void> {
    try {
      await this.#queue.request(channel, [{ user, priority: 'low', full: true }]);
    } catch (error) {
      this.#logger.warn({ user, channel, err: error }, 'full sync after changes at once not requested');
    }
  }

  /** Forgets all; the users are proven by their next full sync. */
  stop(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}
