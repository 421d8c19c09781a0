import type { Clock } from '@dsyncd/core';
import type { ClientSession } from './client-session.ts';

interface IdleEntry {
  readonly session: ClientSession;
  readonly cancelTimeout: () => void;
}

/** Connections that wait for their next sync. The one used last goes out first, so that surplus ones age. */
export class IdleSessions {
  readonly #idle: IdleEntry[] = [];
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

  /** Keeps the session if it is fit for another sync and there is room; closes it otherwise. */
  put(session: ClientSession): void {
    const { link } = session;
    if (!link.isQuiet || this.#idle.length >= this.#countMax) {
      link.close();
      return;
    }
    const entry: IdleEntry = {
      session,
      cancelTimeout: this.#clock.after(this.#timeoutMs, () => {
        this.#idle.splice(this.#idle.indexOf(entry), 1);
        link.close();
      }),
    };
    this.#idle.push(entry);
  }

  /** A session that, as far as is known here, still works. */
  take(): ClientSession | undefined {
    for (;;) {
      const entry = this.#idle.pop();
      if (entry === undefined) return undefined;
      entry.cancelTimeout();
      // Ended by the peer meanwhile, or it talks out of turn.
      if (entry.session.link.isQuiet) return entry.session;
      entry.session.link.close();
    }
  }

  closeAll(): void {
    for (const { session, cancelTimeout } of this.#idle.splice(0)) {
      cancelTimeout();
      session.link.close();
    }
  }
}
