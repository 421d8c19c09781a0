import { countOf, quote, refusedNamesRemedy } from '@dsyncd/core';
import type { HostProblem } from './host-problems.ts';

/** What status must tell of users whom nobody can queue, because dsyncd refuses their names: no count has them. */
export const refusedNameProblems = ({
  count,
  example = '',
}: {
  readonly count: number;
  readonly example?: string;
}): readonly HostProblem[] =>
  count === 0
    ? []
    : [
        {
          check: 'user-names',
          message: `${countOf(count, 'user')} of Dovecot ${count === 1 ? 'is' : 'are'} NOT replicated for the name, such as ${quote(example)}`,
          remedy: refusedNamesRemedy,
        },
      ];
