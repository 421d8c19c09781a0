import type { Clock, UserName } from '@dsyncd/core';
import { type Comparison, type Difference, findDifferences } from './find-differences.ts';
import type { VerifySide } from './side.ts';

export interface VerifyOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How often a difference must be seen to be called one. @defaultValue 3 */
  readonly looks?: number;
  /** Between two looks, for a sync that is under way. @defaultValue 2,000 */
  readonly waitMs?: number;
}

export interface Verification extends Comparison {
  readonly user: UserName;
  /** Seen at first and gone at a later look: mail was changing, and the change arrived. */
  readonly inFlight: number;
}

/**
 * Compares a user's mail on both sides. Only a difference that every look shows is one: what a client just did reaches the
 * other side moments later.
 */
export async function verifyUser(
  user: UserName,
  here: VerifySide,
  there: VerifySide,
  { clock, signal, looks = 3, waitMs = 2_000 }: VerifyOptions,
): Promise<Verification> {
  let comparison = await findDifferences(user, here, there);
  const first = comparison.differences.length;
  let lasting = comparison.differences;
  for (let look = 1; look < looks && lasting.length > 0; look++) {
    await clock.sleep(waitMs, signal);
    comparison = await findDifferences(user, here, there);
    const seen = new Set(comparison.differences.map(keyOf));
    lasting = lasting.filter((difference) => seen.has(keyOf(difference)));
  }
  return { ...comparison, user, differences: lasting, inFlight: first - lasting.length };
}

const keyOf = (difference: Difference): string => JSON.stringify(difference);
