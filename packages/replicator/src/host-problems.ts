import type { Clock, Logger } from '@dsyncd/core';
import type { HostProblem } from '@dsyncd/protocol';

export type { HostProblem } from '@dsyncd/protocol';

const everyMs = 20_000;
/** What was seen for the first time is looked at again soon: it may have been a moment's thing. */
const againMs = 2_000;

/**
 * Looks again and again for what is wrong with this host and its ways to the others, so that status can tell it before
 * anyone asks. A problem is one only when it is seen twice in a row.
 */
export class HostProblems {
  readonly #look: () => Promise<readonly HostProblem[]>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #seen: readonly HostProblem[] = [];
  #found: readonly HostProblem[] = [];
  #cancel: (() => void) | undefined;
  #isStopped = false;

  /** @param look - what is wrong now; of two with the same `check` only one is told */
  constructor(look: () => Promise<readonly HostProblem[]>, clock: Clock, logger: Logger) {
    this.#look = look;
    this.#clock = clock;
    this.#logger = logger;
  }

  get found(): readonly HostProblem[] {
    return this.#found;
  }

  /** Looks now, and again and again from then on. Never rejects. */
  async start(): Promise<void> {
    await this.look();
    if (this.#isStopped) return;
    const isNew = this.#seen.length > this.#found.length;
    this.#cancel = this.#clock.after(isNew ? againMs : everyMs, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async look(): Promise<void> {
    const seen = await this.#look().catch((error: unknown) => {
      this.#logger.error({ error }, 'this host could not be looked at');
      return [];
    });
    const seenBefore = new Set(this.#seen.map(({ check }) => check));
    const foundBefore = new Set(this.#found.map(({ check }) => check));
    this.#seen = seen;
    this.#found = seen.filter(({ check }) => seenBefore.has(check));
    for (const { check, message, remedy } of this.#found)
      if (!foundBefore.has(check))
        this.#logger.error({ check, reason: message, hint: remedy }, 'host in problem');
    for (const check of foundBefore)
      if (!this.#found.some((problem) => problem.check === check))
        this.#logger.info({ check }, 'host problem is over');
  }
}
