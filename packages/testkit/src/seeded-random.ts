import type { Random } from '@dsyncd/core';

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
