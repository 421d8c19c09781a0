import type { Clock } from '@dsyncd/core';

/** Smaller steps are what time servers do all day. */
export const clockStepMsMin = 1_000;

/** The clock of the host was set back. */
export interface SetBack {
  readonly byMs: number;
  /** Instants from here on were read from the clock as it was before. */
  readonly since: number;
  readonly now: number;
}

/**
 * Reads the clock, and notices when somebody has set it back: what was planned by the wrong time would make users
 * wait for as long as the clock was wrong. A clock that is set ahead makes nobody wait; it may be right, too,
 * after the host was asleep.
 */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #onSetBack: (step: SetBack) => void;
  #offset: number;
  #since: number;

  constructor(clock: Clock, onSetBack: (step: SetBack) => void) {
    this.#clock = clock;
    this.#onSetBack = onSetBack;
    this.#since = clock.now();
    this.#offset = this.#since - clock.elapsed();
  }

  now(): number {
    const now = this.#clock.now();
    const offset = now - this.#clock.elapsed();
    const stepMs = offset - this.#offset;
    this.#offset = offset;
    if (stepMs >= clockStepMsMin) this.#since = now;
    else if (stepMs <= -clockStepMsMin) {
      const since = this.#since;
      this.#since = since + stepMs;
      this.#onSetBack({ byMs: -stepMs, since, now });
    }
    return now;
  }
}

/** The instant as the clock would have shown it, had it been right; 0 is none. */
export function setBackInstant(at: number, { byMs, since, now }: SetBack): number {
  if (at === 0) return 0;
  return Math.max(1, at >= since ? at - byMs : Math.min(at, now));
}
