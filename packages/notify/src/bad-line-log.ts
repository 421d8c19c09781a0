import type { Clock, Logger } from '@dsyncd/core';
import type { BadLineReason, NotifyBatch } from '@dsyncd/protocol';

const quietMs = 60_000;

/** Logs refused lines, each kind at most once a minute: a broken client must not fill the log. */
export class BadLineLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loggedAt = new Map<BadLineReason, number>();
  #unlogged = 0;
  count = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  add({ badCount, bad }: NotifyBatch): void {
    if (badCount === 0) return;
    this.count += badCount;
    this.#unlogged += badCount;
    const now = this.#clock.now();
    for (const { reason, quoted } of bad) {
      const loggedAt = this.#loggedAt.get(reason);
      if (loggedAt !== undefined && now - loggedAt < quietMs) continue;
      this.#loggedAt.set(reason, now);
      this.#logger.warn({ reason, line: quoted, refusedLines: this.#unlogged }, 'notification line refused');
      this.#unlogged = 0;
    }
  }
}
