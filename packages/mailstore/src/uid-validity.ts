/**
 * UIDVALIDITY values that never repeat or go down for a user: Unix seconds, or one more than the
 * highest one that the user ever had. Pure.
 */

import { asUidValidity, type UidValidity, uint32Max } from '@dsyncd/core';

/** Above this a value from a peer is not followed, or one odd peer could leave us without values. */
const followedMax = uint32Max - 2 ** 28;

/** `highest`: the highest one so far by {@link followUidValidity}, 0 at first. */
export function nextUidValidity(highest: number, nowSeconds: number): UidValidity {
  return asUidValidity(Math.max(Math.floor(nowSeconds), highest + 1, 1));
}

/** The new highest value after `given` was used. */
export const followUidValidity = (highest: number, given: number): number =>
  given > followedMax ? highest : Math.max(highest, given);
