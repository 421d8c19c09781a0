import type { DoneBefore } from '@dsyncd/dsync';
import type { SyncTask } from './port.ts';

const usersMax = 1_000;
/** Whoever asks for a full sync after so long wants all of it. */
const ageMsMax = 3_600_000;

interface Unfinished {
  readonly type: SyncTask['type'];
  readonly since: number;
  readonly done: DoneBefore;
}

/** What syncs that were cut off had done by then, so that the next try goes on there and does not start over. */
export class UnfinishedSyncs {
  readonly #byUser = new Map<string, Unfinished>();

  /** To be filled by the try that begins now; undefined for a sync that nobody resumes. */
  begin(task: SyncTask): DoneBefore | undefined {
    if (task.mailbox !== undefined || task.isDryRun === true || task.oneWay !== undefined) return undefined;
    const now = performance.now();
    const before = this.#byUser.get(keyOf(task));
    if (before !== undefined && before.type === task.type && now - before.since < ageMsMax)
      return before.done;
    const done: DoneBefore = new Map();
    this.#byUser.delete(keyOf(task));
    this.#byUser.set(keyOf(task), { type: task.type, since: now, done });
    for (const key of this.#byUser.keys()) {
      if (this.#byUser.size <= usersMax) break;
      this.#byUser.delete(key);
    }
    return done;
  }

  /** The sync came to its end. */
  finish(task: SyncTask): void {
    if (task.mailbox === undefined && task.isDryRun !== true) this.#byUser.delete(keyOf(task));
  }

  /** The try failed. */
  cut(task: SyncTask): void {
    if (this.#byUser.get(keyOf(task))?.done.size === 0) this.#byUser.delete(keyOf(task));
  }
}

const keyOf = ({ channel, user }: SyncTask): string => `${channel}\0${user}`;
