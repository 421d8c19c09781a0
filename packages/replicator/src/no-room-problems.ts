import { type DsyncdError, quote } from '@dsyncd/core';
import type { HostProblem } from './host-problems.ts';
import type { LeftOutUsers } from './left-out.ts';

/**
 * What status must tell of users whom the queue has no room for: it knows nothing of them, so no user would stand as
 * not replicated.
 * @param listed - why the last list of users could not be taken as a whole
 */
export function noRoomProblems(
  changed: Pick<LeftOutUsers, 'count' | 'example'>,
  listed: DsyncdError | undefined,
): readonly HostProblem[] {
  if (changed.count === 0 && listed === undefined) return [];
  const told =
    changed.count === 0
      ? `${listed?.message}`
      : `the queue has no room for ${changed.count} users who changed, such as ${quote(changed.example ?? '')}`;
  return [
    {
      check: 'users-max',
      message: `${told}: they are NOT replicated`,
      remedy:
        'forget users who are none (dsyncadm replicator remove): a program that may notify can invent names; the rest follows by itself',
    },
  ];
}
