import type { Clock } from '@dsyncd/core';

/** So many bytes are progress, also without a whole line among them. */
const progressBytes = 1024;
/** In so many timeouts of waiting at least {@link progressBytes} must come, whole lines or not. */
const slowTimeouts = 10;

export type Stall = { readonly type: 'quiet' | 'slow'; readonly timeoutMs: number };

/**
 * Notices when someone waits and nothing moves, or so little that it would go on for ever. Only the time that
 * someone waits is counted: a peer need not be quick while we are busy ourselves.
 *
 * One timer at most, checked again only when it has run out: a read that has to wait costs no timer of its own.
 */
export class StallTimer {
  readonly #clock: Clock;
  readonly #isWaiting: () => boolean;
  readonly #onStall: (stall: Stall) => void;
  #timeoutMs: number;
  #waitingSince: number | undefined;
  /** Since the last progress. */
  #quiet: Stretch = noStretch;
  /** Since the last {@link progressBytes}. */
  #slow: Stretch = noStretch;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, timeoutMs: number, isWaiting: () => boolean, onStall: (stall: Stall) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#isWaiting = isWaiting;
    this.#onStall = onStall;
  }

  setTimeout(timeoutMs: number): void {
    this.stop();
    this.#timeoutMs = timeoutMs;
    this.#quiet = noStretch;
    this.#slow = noStretch;
    if (this.#isWaiting()) this.onWait();
  }

  /** How long someone has waited since anything moved. */
  get quietMs(): number {
    const waiting = this.#waitingSince === undefined ? 0 : this.#clock.elapsed() - this.#waitingSince;
    return this.#quiet.waitedMs + waiting;
  }

  /** Someone begins to wait. */
  onWait(): void {
    this.#waitingSince ??= this.#clock.elapsed();
    if (this.#cancel === undefined) this.#lookAgainAfter(this.#timeoutMs - this.#quiet.waitedMs);
  }

  /** Bytes came, or went. To be called when nobody waits for them any more. */
  onMove(bytes: number, { isWhole }: { readonly isWhole: boolean }): void {
    this.#account(bytes);
    if (isWhole || this.#quiet.bytes >= progressBytes) this.#quiet = noStretch;
    if (this.#slow.bytes >= progressBytes) this.#slow = noStretch;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waitingSince = undefined;
  }

  /** The stretches up to now. */
  #account(bytes: number): void {
    const now = this.#clock.elapsed();
    const waitedMs = this.#waitingSince === undefined ? 0 : now - this.#waitingSince;
    this.#waitingSince = this.#isWaiting() ? now : undefined;
    this.#quiet = longer(this.#quiet, waitedMs, bytes);
    this.#slow = longer(this.#slow, waitedMs, bytes);
  }

  #lookAgainAfter(delayMs: number): void {
    this.#cancel = this.#clock.after(Math.max(delayMs, 0), () => {
      this.#cancel = undefined;
      if (!this.#isWaiting()) return;
      this.#account(0);
      const slowMs = slowTimeouts * this.#timeoutMs;
      if (this.#quiet.waitedMs >= this.#timeoutMs)
        this.#onStall({ type: this.#quiet.bytes === 0 ? 'quiet' : 'slow', timeoutMs: this.#timeoutMs });
      else if (this.#slow.waitedMs >= slowMs) this.#onStall({ type: 'slow', timeoutMs: slowMs });
      else
        this.#lookAgainAfter(Math.min(this.#timeoutMs - this.#quiet.waitedMs, slowMs - this.#slow.waitedMs));
    });
  }
}

/** Time that someone waited, and what came in it. */
interface Stretch {
  readonly waitedMs: number;
  readonly bytes: number;
}

const noStretch: Stretch = { waitedMs: 0, bytes: 0 };

const longer = (stretch: Stretch, waitedMs: number, bytes: number): Stretch => ({
  waitedMs: stretch.waitedMs + waitedMs,
  bytes: stretch.bytes + bytes,
});
