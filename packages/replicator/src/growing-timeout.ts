import type { Claim } from '@dsyncd/queue';

/** Longer than this no sync may take: one that hangs must be given up some day. */
const timeoutMsMax = 24 * 3_600_000;
/** More than these are not remembered; who is forgotten begins anew. */
const usersMax = 10_000;

type Who = Pick<Claim, 'user' | 'channel'>;

/**
 * How long a sync may take: twice as long after each one that was cut off, or a first sync of much mail would begin anew
 * for ever. That nothing moves is found earlier, by who watches the connection.
 */
export class GrowingTimeout {
  /** How many were cut off in a row. */
  readonly #rows = new Map<string, number>();

  /** @param baseMs - for one that was not cut off before */
  of(who: Who, baseMs: number): number {
    return Math.max(baseMs, Math.min(timeoutMsMax, baseMs * 2 ** (this.#rows.get(keyOf(who)) ?? 0)));
  }

  ended(who: Who, wasCutOff: boolean): void {
    const key = keyOf(who);
    const row = this.#rows.get(key) ?? 0;
    this.#rows.delete(key);
    if (!wasCutOff) return;
    if (this.#rows.size >= usersMax) this.#rows.clear();
    this.#rows.set(key, row + 1);
  }
}

const keyOf = ({ user, channel }: Who): string => `${channel}\0${user}`;
