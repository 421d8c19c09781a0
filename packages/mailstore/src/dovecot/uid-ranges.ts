/** Sets of UIDs as runs of first and last, ascending. Pure. */
export type UidRanges = readonly (readonly [number, number])[];

/** `uids` ascend. */
export function uidRanges(uids: Iterable<number>): UidRanges {
  const ranges: [number, number][] = [];
  for (const uid of uids) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === uid) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges;
}

export function inRanges(ranges: UidRanges, uid: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const [first, last] = ranges[middle] ?? [0, 0];
    if (uid < first) high = middle;
    else if (uid > last) low = middle + 1;
    else return true;
  }
  return false;
}
