import type { Clock, Logger } from '@dsyncd/core';
import type { HostTrouble } from '@dsyncd/protocol';

export type { HostTrouble } from '@dsyncd/protocol';

/** Looks at one thing of the host: what is wrong, or undefined. What it throws is a trouble, too. */
export interface HostLook {
  /** As `dsyncadm doctor` names the check. */
  readonly check: string;
  readonly remedy: string;
  look(): Promise<string | undefined>;
}

const everyMs = 20_000;

/** Looks again and again for what is wrong with this host, so that status can tell it before anyone asks. */
export class HostTroubles {
  readonly #looks: readonly HostLook[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  #found: readonly HostTrouble[] = [];
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(looks: readonly HostLook[], clock: Clock, logger: Logger) {
    this.#looks = looks;
    this.#clock = clock;
    this.#logger = logger;
  }

  get found(): readonly HostTrouble[] {
    return this.#found;
  }

  /** Looks now, and every 20 seconds from then on. Never rejects. */
  async start(): Promise<void> {
    await this.look();
    if (this.#isStopped) return;
    this.#cancel = this.#clock.after(everyMs, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async look(): Promise<void> {
    const before = new Set(this.#found.map(({ message }) => message));
    const found = await Promise.all(this.#looks.map(troubleOf));
    this.#found = found.filter((trouble) => trouble !== undefined);
    for (const { check, message, remedy } of this.#found)
      if (!before.has(message))
        this.#logger.error({ check, reason: message, hint: remedy }, 'host in trouble');
  }
}

async function troubleOf({ check, remedy, look }: HostLook): Promise<HostTrouble | undefined> {
  try {
    const message = await look();
    return message === undefined ? undefined : { check, message, remedy };
  } catch (error) {
    return { check, message: error instanceof Error ? error.message : String(error), remedy };
  }
}
