import type { UserName } from '@dsyncd/core';
import type { SyncTask } from '../port.ts';
import { isDispute } from './guid-dispute.ts';
import type { Verdict } from './verdict.ts';

/** With the pauses between them, so many take about eight seconds. */
export const unchangedRowMax = 6;

/**
 * Ends what Dovecot would go on with for ever: it says that something changed meanwhile, sync after sync, and
 * the state stays the same. 2.3 does so with a mailbox that has "%" at the end of its name, which it takes for a
 * renamed one each time, also with another Dovecot.
 */
export class EndlessChange {
  readonly #rows = new Map<string, { readonly printed: string; readonly count: number }>();

  /** The verdict, or that the user is done, when it was the same so many times in a row. */
  settle({ user, channel }: SyncTask, verdict: Verdict): Verdict {
    const key = keyOf(user, channel);
    const printed = verdict.state;
    if (verdict.outcome !== 'changed' || !printed || isDispute(verdict)) {
      this.#rows.delete(key);
      return verdict;
    }
    const row = this.#rows.get(key);
    const count = row?.printed === printed ? row.count + 1 : 1;
    this.#rows.set(key, { printed, count });
    if (count < unchangedRowMax) return verdict;
    this.#rows.delete(key);
    return { ...verdict, outcome: 'ok', notes: [...verdict.notes, note] };
  }
}

const note = `Dovecot said ${unchangedRowMax} times in a row that mail changed, but nothing did: taken as done. Has a mailbox "%" in its name?`;

const keyOf = (user: UserName, channel: string): string => `${channel}\0${user}`;
