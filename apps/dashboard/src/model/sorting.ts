import type { User } from './api-types.ts';

/** Who waits longest comes first; who has no change that waits (but failed) comes after; then by name. */
export function byOldestChange(one: User, other: User): number {
  const [first, second] = [one.requestedAt ?? '9999', other.requestedAt ?? '9999'];
  if (first !== second) return first < second ? -1 : 1;
  return byName(one, other);
}

/** By code unit, so that every browser has the same order; then by channel. */
export function byName(one: User, other: User): number {
  if (one.user !== other.user) return one.user < other.user ? -1 : 1;
  return one.channel < other.channel ? -1 : one.channel > other.channel ? 1 : 0;
}
