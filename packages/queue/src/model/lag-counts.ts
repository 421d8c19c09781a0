import type { IndexedHeap } from './indexed-heap.ts';

/**
 * How many users' oldest change waits longer than each of the limits.
 * @param oldest - when it was notified, by user
 * @param limitsMs - ascending
 */
export function countLags(oldest: IndexedHeap, limitsMs: readonly number[], now: number): number[] {
  // Whoever waits at all: asked for often, so not counted anew.
  if (limitsMs.length === 1 && (limitsMs[0] as number) < 0) return [oldest.size];
  const counts = new Array<number>(limitsMs.length).fill(0);
  for (const requestedAt of oldest.keys) {
    const lagMs = now - requestedAt;
    for (let index = 0; index < limitsMs.length && lagMs > (limitsMs[index] as number); index++)
      counts[index] = (counts[index] as number) + 1;
  }
  return counts;
}
