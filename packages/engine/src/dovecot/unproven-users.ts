import type { OutcomeKind } from '@dsyncd/core';
import type { SyncTask } from '../port.ts';

/** A sync that starts so soon after the last one was asked for by a change that came during that one, or right after. */
export const burstMs = 2_000;
/** A full sync waits for a pause of so long at least ... */
const pauseMsMin = 300;
/** ... and until so many times what the last one took went by since: comparing everything stays a part of the work. */
const costFactor = 5;
const entriesMax = 20_000;

interface Entry {
  readonly endedAt: number;
  /** Changes may have been missed since the last full sync. */
  readonly isUnproven: boolean;
  /** Until then the last full sync was enough, in Unix milliseconds. */
  readonly nextFullAt: number;
}

export interface EndedCommand {
  readonly outcome: OutcomeKind;
  readonly isFull: boolean;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/**
 * Knows which users may differ although every sync succeeded. A flag that is changed on a mail while dsync merges a change
 * of the same mail makes the two sides judge differently which one is newer; both say that all is well, and the state
 * that they agree on lies above the change that one side did not take, so that only a full sync finds it.
 */
export class UnprovenUsers {
  readonly #entries = new Map<string, Entry>();

  has(task: Pick<SyncTask, 'user' | 'channel'>): boolean {
    return this.#entries.get(keyOf(task))?.isUnproven === true;
  }

  /**
   * How long the user should be quiet before a full sync that proves both sides equal; undefined: nothing that is known
   * here is to be proven. What the first full sync took says little: it may have brought all the mail.
   */
  ended(task: Pick<SyncTask, 'user' | 'channel'>, command: EndedCommand): number | undefined {
    const key = keyOf(task);
    const { outcome, isFull, startedAt, endedAt } = command;
    const before = this.#entries.get(key);
    const isBurst = before !== undefined && startedAt - before.endedAt < burstMs;
    const isOk = outcome === 'ok';
    // A change that comes during a full sync asks for another sync, which is one of a burst.
    const isUnproven = isOk
      ? !isFull && (isBurst || before?.isUnproven === true)
      : outcome === 'changed' || before?.isUnproven === true;
    const isFullOk = isOk && isFull;
    const costMs = before === undefined ? 0 : endedAt - startedAt;
    const nextFullAt = isFullOk ? endedAt + costFactor * costMs : (before?.nextFullAt ?? 0);
    this.#entries.delete(key);
    this.#entries.set(key, { endedAt, isUnproven, nextFullAt });
    if (this.#entries.size > entriesMax) this.#sweep(endedAt);
    return isUnproven ? Math.max(pauseMsMin, nextFullAt - endedAt) : undefined;
  }

  /** The oldest first: what is forgotten is found by the next full sync, as everything. */
  #sweep(now: number): void {
    for (const [key, { endedAt, isUnproven }] of this.#entries)
      if (this.#entries.size > entriesMax || (!isUnproven && now - endedAt > burstMs))
        this.#entries.delete(key);
  }
}

const keyOf = ({ user, channel }: Pick<SyncTask, 'user' | 'channel'>): string => `${channel}\0${user}`;
