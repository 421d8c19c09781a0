import type { Clock } from '@dsyncd/core';
import type { StreamLink } from '../link/stream-link.ts';

interface IdleLink {
  readonly link: StreamLink;
  readonly cancelTimeout: () => void;
}

/** Connections that wait for their next sync. The one used last goes out first, so that surplus ones age. */
export class IdleLinks {
  readonly #idle: IdleLink[] = [];
  readonly #countMax: number;
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  constructor(limits: { readonly countMax: number; readonly timeoutMs: number }, clock: Clock) {
    this.#countMax = limits.countMax;
    this.#timeoutMs = limits.timeoutMs;
    this.#clock = clock;
  }

  get count(): number {
    return this.#idle.length;
  }

  /** Keeps the link if it is fit for another sync and there is room; closes it otherwise. */
  put(link: StreamLink): void {
    if (!link.isQuiet || this.#idle.length >= this.#countMax) {
      link.close();
      return;
    }
    const entry: IdleLink = {
      link,
      cancelTimeout: this.#clock.after(this.#timeoutMs, () => {
        this.#idle.splice(this.#idle.indexOf(entry), 1);
        link.close();
      }),
    };
    this.#idle.push(entry);
  }

  /** A link that, as far as is known here, still works. */
  take(): StreamLink | undefined {
    for (;;) {
      const entry = this.#idle.pop();
      if (entry === undefined) return undefined;
      entry.cancelTimeout();
      // Ended by the peer meanwhile, or it talks out of turn.
      if (entry.link.isQuiet) return entry.link;
      entry.link.close();
    }
  }

  closeAll(): void {
    for (const { link, cancelTimeout } of this.#idle.splice(0)) {
      cancelTimeout();
      link.close();
    }
  }
}
