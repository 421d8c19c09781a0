import type { Random } from '@dsyncd/core';

/** A condition did not come to hold. */
export class NotInTime extends Error {}

/**
 * Waits until `condition` holds, asking again every `everyMs`.
 * @throws {NotInTime} when it does not hold within `timeoutMs`; the message names `what`. What `condition` throws.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 20_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new NotInTime(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, everyMs));
  }
}

/** Randomness that a seed repeats exactly (mulberry32: small, fast, good enough for tests). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (count: number): string => {
    let text = '';
    while (text.length < count * 2)
      text += Math.floor(fraction() * 256)
        .toString(16)
        .padStart(2, '0');
    return text;
  };
  return { fraction, hex };
}
