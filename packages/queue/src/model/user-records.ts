import { type SetBack, setBackInstant } from '../clock-watch.ts';
import type { Completion } from '../port.ts';
import { growFloat64, growUint8 } from './collections.ts';

/** Bits of {@link UserRecords.flags}. */
export const flag = {
  known: 1,
  /** The next sync ignores the state. */
  wantsFull: 2,
  failed: 4,
  quarantined: 8,
  hasState: 16,
  /** `fullBaseAt` is when the last full sync was; without it, when the user became known. */
  fullSynced: 32,
  /** Stopped by a person. */
  paused: 64,
  /** Mail may have changed while dsyncd did not listen. */
  doubted: 128,
} as const;

/**
 * What one channel knows of its users, as arrays by user id: a million users must fit in memory.
 *
 * Instants are Unix milliseconds, 0 for never. Priorities are indexes into `priorities`.
 * While a user is being synced its record stays as it was claimed, merged with what came since: it
 * is what a crash at this moment must find.
 */
export class UserRecords {
  flags = new Uint8Array(0);
  priority = new Uint8Array(0);
  /** When the oldest change that is not replicated yet was notified. */
  requestedAt = new Float64Array(0);
  lastFastAt = new Float64Array(0);
  fullBaseAt = new Float64Array(0);
  lastSuccessAt = new Float64Array(0);
  /** No sync before this instant, after a failure or `busy`, or until the user was quiet enough for a proof. */
  notBefore = new Float64Array(0);
  failures = new Uint8Array(0);
  /** How often in a row the user was busy or changed. */
  quickRetries = new Uint8Array(0);
  /** When the first sync began that ended well and yet did not prove both sides equal; 0: none did since the last full sync. */
  unprovenSince = new Float64Array(0);
  bucket = new Uint8Array(0);
  /** How the user was counted last: 1 and the index into `standings`; 0: not at all. */
  standing = new Uint8Array(0);

  reserve(capacity: number): void {
    if (capacity <= this.flags.length) return;
    this.flags = growUint8(this.flags, capacity);
    this.priority = growUint8(this.priority, capacity);
    this.requestedAt = growFloat64(this.requestedAt, capacity);
    this.lastFastAt = growFloat64(this.lastFastAt, capacity);
    this.fullBaseAt = growFloat64(this.fullBaseAt, capacity);
    this.lastSuccessAt = growFloat64(this.lastSuccessAt, capacity);
    this.notBefore = growFloat64(this.notBefore, capacity);
    this.failures = growUint8(this.failures, capacity);
    this.quickRetries = growUint8(this.quickRetries, capacity);
    this.unprovenSince = growFloat64(this.unprovenSince, capacity);
    this.bucket = growUint8(this.bucket, capacity);
    this.standing = growUint8(this.standing, capacity);
  }

  has(user: number, bit: number): boolean {
    return ((this.flags[user] ?? 0) & bit) !== 0;
  }

  mark(user: number, bit: number): void {
    this.flags[user] = (this.flags[user] ?? 0) | bit;
  }

  clear(user: number, bit: number): void {
    this.flags[user] = (this.flags[user] ?? 0) & ~bit;
  }

  /** Makes the record that of a user just become known. */
  init(user: number, now: number): void {
    if (user >= this.flags.length) this.reserve(Math.ceil((user + 1) * 1.5));
    this.wipe(user);
    this.flags[user] = flag.known;
    this.fullBaseAt[user] = now;
  }

  wipe(user: number): void {
    this.flags[user] = 0;
    this.priority[user] = 0;
    this.requestedAt[user] = 0;
    this.lastFastAt[user] = 0;
    this.fullBaseAt[user] = 0;
    this.lastSuccessAt[user] = 0;
    this.notBefore[user] = 0;
    this.failures[user] = 0;
    this.quickRetries[user] = 0;
    this.unprovenSince[user] = 0;
  }

  /** The clock was set back: all instants become those that a right clock would have shown. */
  setBack(step: SetBack): void {
    const { requestedAt, lastFastAt, fullBaseAt, lastSuccessAt, notBefore, unprovenSince } = this;
    for (const instants of [requestedAt, lastFastAt, fullBaseAt, lastSuccessAt, unprovenSince])
      for (let user = 0; user < instants.length; user++)
        instants[user] = setBackInstant(instants[user] as number, step);
    // These lie ahead by nature; those of before are pulled near when their users are placed.
    for (let user = 0; user < notBefore.length; user++)
      if ((notBefore[user] as number) >= step.since)
        notBefore[user] = setBackInstant(notBefore[user] as number, step);
  }

  isPending(user: number): boolean {
    return (this.priority[user] ?? 0) > 0;
  }

  isUnproven(user: number): boolean {
    return (this.unprovenSince[user] ?? 0) > 0;
  }

  /** Since when something may be missing on the other side, for whatever reason; 0: nothing is known to be. */
  behindSince(user: number): number {
    const [requestedAt, unprovenSince] = [this.requestedAt[user] ?? 0, this.unprovenSince[user] ?? 0];
    return requestedAt > 0 && unprovenSince > 0
      ? Math.min(requestedAt, unprovenSince)
      : requestedAt + unprovenSince;
  }
}

/** How a record is handed to and from disk: so many numbers, in this order. */
export const rowWidth = 10;

export function writeRow(records: UserRecords, user: number, target: Float64Array, offset: number): void {
  target[offset] = records.flags[user] as number;
  target[offset + 1] = records.priority[user] as number;
  target[offset + 2] = records.requestedAt[user] as number;
  target[offset + 3] = records.lastFastAt[user] as number;
  target[offset + 4] = records.fullBaseAt[user] as number;
  target[offset + 5] = records.lastSuccessAt[user] as number;
  target[offset + 6] = records.notBefore[user] as number;
  target[offset + 7] = records.failures[user] as number;
  target[offset + 8] = records.quickRetries[user] as number;
  target[offset + 9] = records.unprovenSince[user] as number;
}

/**
 * Fills a record from what was on disk. Instants beyond what can be right (a clock that was wrong) are
 * pulled back, so that no user waits for years.
 */
export function readRow(
  records: UserRecords,
  user: number,
  row: Float64Array,
  offset: number,
  limits: { readonly now: number; readonly delayMsMax: number },
): void {
  records.init(user, limits.now);
  const instant = (index: number, max: number): number => {
    const value = row[offset + index] ?? 0;
    return value > 0 ? Math.min(value, max) : 0;
  };
  const count = (index: number, max: number): number =>
    Math.min(max, Math.max(0, Math.floor(row[offset + index] ?? 0) || 0));
  records.flags[user] = count(0, 255) | flag.known;
  records.priority[user] = count(1, 3);
  records.requestedAt[user] = records.isPending(user) ? instant(2, limits.now) || limits.now : 0;
  records.lastFastAt[user] = instant(3, limits.now);
  records.fullBaseAt[user] = instant(4, limits.now) || limits.now;
  records.lastSuccessAt[user] = instant(5, limits.now);
  records.notBefore[user] = instant(6, limits.now + limits.delayMsMax);
  records.failures[user] = count(7, 255);
  records.quickRetries[user] = count(8, 255);
  records.unprovenSince[user] = instant(9, limits.now);
}

export type Failure = NonNullable<Completion['failure']>;

export const failureLimits = {
  codeCharsMax: 64,
  reasonCharsMax: 500,
  hintCharsMax: 500,
  sharedMax: 1_000,
} as const;

/**
 * Why users failed. A dead peer gives many users the same text: equal ones are stored once.
 */
export class FailureTexts {
  readonly #byUser = new Map<number, Failure>();
  readonly #shared = new Map<string, Failure>();

  get(user: number): Failure | undefined {
    return this.#byUser.get(user);
  }

  set(user: number, failure: Failure | undefined): void {
    if (failure === undefined) this.#byUser.delete(user);
    else this.#byUser.set(user, this.#share(failure));
  }

  #share(failure: Failure): Failure {
    const { hint } = failure;
    const cut: Failure = {
      code: failure.code.slice(0, failureLimits.codeCharsMax),
      reason: failure.reason.slice(0, failureLimits.reasonCharsMax),
      hint: hint?.slice(0, failureLimits.hintCharsMax),
    };
    const key = `${cut.code}\n${cut.reason}\n${cut.hint ?? ''}`;
    const shared = this.#shared.get(key);
    if (shared !== undefined) return shared;
    if (this.#shared.size >= failureLimits.sharedMax) this.#shared.clear();
    this.#shared.set(key, cut);
    return cut;
  }
}
