import {
  type Clock,
  countOf,
  type DsyncdError,
  type Logger,
  quote,
  refusedNamesRemedy,
  twinHomesRemedy,
} from '@dsyncd/core';
import type { HostProblem } from '@dsyncd/protocol';
import type { LeftOutUsers } from '../left-out-users.ts';

export type { HostProblem } from '@dsyncd/protocol';

const everyMs = 20_000;
/** A new finding is checked again soon: it may have been a matter of a moment. */
const againMs = 2_000;

/**
 * Checks again and again what is wrong with this host and its ways to the others, so that status shows it before
 * anyone asks. It counts as a problem only when it is seen twice in a row.
 */
export class HostProblems {
  readonly #look: () => Promise<readonly HostProblem[]>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #seen: readonly HostProblem[] = [];
  #found: readonly HostProblem[] = [];
  #cancel: (() => void) | undefined;
  #isStopped = false;

  /** @param look - what is wrong now; of two with the same `check` only one is reported */
  constructor(look: () => Promise<readonly HostProblem[]>, clock: Clock, logger: Logger) {
    this.#look = look;
    this.#clock = clock;
    this.#logger = logger;
  }

  get found(): readonly HostProblem[] {
    return this.#found;
  }

  /** Looks now, and again and again from then on. Never rejects. */
  async start(): Promise<void> {
    await this.look();
    if (this.#isStopped) return;
    const isNew = this.#seen.length > this.#found.length;
    this.#cancel = this.#clock.after(isNew ? againMs : everyMs, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async look(): Promise<void> {
    const seen = await this.#look().catch((error: unknown) => {
      this.#logger.error({ error }, 'this host could not be checked');
      return [];
    });
    const seenBefore = new Set(this.#seen.map(({ check }) => check));
    const foundBefore = new Set(this.#found.map(({ check }) => check));
    this.#seen = seen;
    this.#found = seen.filter(({ check }) => seenBefore.has(check));
    for (const { check, message, remedy } of this.#found)
      if (!foundBefore.has(check))
        this.#logger.error({ check, reason: message, hint: remedy }, 'host in problem');
    for (const check of foundBefore)
      if (!this.#found.some((problem) => problem.check === check))
        this.#logger.info({ check }, 'host problem is over');
  }
}

/**
 * What status must show about users that the queue has no room for: it knows nothing of them, so no user would stand as
 * not replicated.
 * @param listed - why the last list of users could not be taken as a whole
 */
export function noRoomProblems(
  changed: Pick<LeftOutUsers, 'count' | 'example'>,
  listed: DsyncdError | undefined,
): readonly HostProblem[] {
  if (changed.count === 0 && listed === undefined) return [];
  const reason =
    changed.count === 0
      ? `${listed?.message}`
      : `the queue has no room for ${changed.count} users who changed, such as ${quote(changed.example ?? '')}`;
  return [
    {
      check: 'users-max',
      message: `${reason}: they are NOT replicated`,
      remedy:
        'forget users that do not exist (dsyncadm replicator remove): a program that may notify can invent names; the rest follows by itself',
    },
  ];
}

/** What status must show about homes that nobody uses, because another one differs by the case of its name only. */
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

/** What status must show about users that nobody can queue, because dsyncd refuses their names: no count has them. */
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
