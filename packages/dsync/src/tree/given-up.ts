import type { MailboxGuid } from '@dsyncd/core';
import { guidsOf, type TreeSide } from './side.ts';

/**
 * Mailboxes that one side still has under a GUID that was given up, and the GUID that the other side
 * has for them. The same whichever side is named first.
 *
 * Nothing is followed to a deleted mailbox (what came after the two became one would go with it), nor
 * where one side has both: there they are two mailboxes.
 */
export function followGivenUp(
  one: TreeSide,
  other: TreeSide,
  deleted: ReadonlySet<MailboxGuid>,
): Map<MailboxGuid, MailboxGuid> {
  const followed = new Map<MailboxGuid, MailboxGuid>();
  if (one.givenUp.size === 0 && other.givenUp.size === 0) return followed;
  const [oneGuids, otherGuids] = [guidsOf(one), guidsOf(other)];
  const taken = new Set<MailboxGuid>();
  for (const [here, there] of [
    [oneGuids, otherGuids],
    [otherGuids, oneGuids],
  ] as const) {
    for (const guid of [...here].toSorted()) {
      if (there.has(guid) || deleted.has(guid) || taken.has(guid)) continue;
      const [by] = laterGuids(guid, [one, other])
        .filter((later) => there.has(later) && !here.has(later) && !deleted.has(later))
        .filter((later) => !taken.has(later) && !followed.has(later))
        .toSorted((a, b) => (a > b ? -1 : 1));
      if (by === undefined) continue;
      followed.set(guid, by);
      taken.add(by);
    }
  }
  return followed;
}

/** Every GUID that this one was given up for, by any number of steps. */
function laterGuids(guid: MailboxGuid, sides: readonly TreeSide[]): MailboxGuid[] {
  const seen = new Set([guid]);
  for (const known of seen)
    for (const { givenUp } of sides) {
      const by = givenUp.get(known);
      if (by !== undefined) seen.add(by);
    }
  seen.delete(guid);
  return [...seen];
}
