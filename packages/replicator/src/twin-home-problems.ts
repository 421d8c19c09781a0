import { countOf, quote, twinHomesRemedy } from '@dsyncd/core';
import type { HostProblem } from './host-problems.ts';

/** What status must tell of homes that nobody uses, because another one differs by the case of its name only. */
export const twinHomeProblems = ({
  count,
  example,
}: {
  readonly count: number;
  readonly example?: { readonly used: string; readonly unused: string };
}): readonly HostProblem[] =>
  count === 0 || example === undefined
    ? []
    : [
        {
          check: 'user-homes',
          message: `${countOf(count, 'user')} ${count === 1 ? 'has' : 'have'} homes whose names differ by case only: ${quote(example.used)} is used, the mail in ${quote(example.unused)} is NOT replicated`,
          remedy: twinHomesRemedy,
        },
      ];
