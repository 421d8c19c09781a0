import {
  type PriorityCode,
  priorities,
  priorityCodes,
  type RequestPriority,
  type UserName,
} from '@dsyncd/core';

/** Changed users, column by column: no object per line. A user may be in it more than once. */
export interface ChangeBatch {
  readonly users: readonly UserName[];
  readonly priorities: readonly PriorityCode[];
  /** By index: the host that the change was imported from; missing: made here, or by several. */
  readonly origins: ReadonlyMap<number, string>;
}

/** One line of a {@link ChangeBatch}. */
export interface Change {
  readonly user: UserName;
  readonly priority: RequestPriority;
  readonly origin?: string;
}

/** A batch that grows line by line. */
export class ChangeColumns implements ChangeBatch {
  readonly users: UserName[] = [];
  readonly priorities: PriorityCode[] = [];
  readonly origins = new Map<number, string>();

  add(user: UserName, priority: PriorityCode, origin?: string): void {
    if (origin !== undefined) this.origins.set(this.users.length, origin);
    this.users.push(user);
    this.priorities.push(priority);
  }
}

/** For the few callers that have one change or a short list. */
export function changeBatch(changes: readonly Change[]): ChangeBatch {
  const columns = new ChangeColumns();
  for (const { user, priority, origin } of changes) columns.add(user, priorityCodes[priority], origin);
  return columns;
}

export function* changesIn({ users, priorities: codes, origins }: ChangeBatch): Generator<Change> {
  for (const [index, user] of users.entries()) {
    yield { user, priority: priorities[codes[index] ?? priorityCodes.high], origin: origins.get(index) };
  }
}

/** The batch in pieces of at most `linesMax`. */
export function* piecesOf(batch: ChangeBatch, linesMax: number): Generator<ChangeBatch> {
  const { users, priorities: codes, origins } = batch;
  if (users.length <= linesMax) {
    if (users.length > 0) yield batch;
    return;
  }
  for (let from = 0; from < users.length; from += linesMax) {
    const own = new Map<number, string>();
    if (origins.size > 0)
      for (let at = from; at < Math.min(from + linesMax, users.length); at++) {
        const origin = origins.get(at);
        if (origin !== undefined) own.set(at - from, origin);
      }
    const to = from + linesMax;
    yield { users: users.slice(from, to), priorities: codes.slice(from, to), origins: own };
  }
}

/** A string of its own: a slice would keep the whole block that it was cut from in memory. */
export const copyOf = <Text extends string>(slice: Text): Text => Buffer.from(slice).toString() as Text;

/** Changes merged by user: the highest priority, and the origin if all have the same. */
export class MergedChanges {
  readonly #indexOf = new Map<UserName, number>();
  #columns = new ChangeColumns();

  get size(): number {
    return this.#columns.users.length;
  }

  add(user: UserName, priority: PriorityCode, origin?: string): void {
    const { priorities: codes, origins } = this.#columns;
    const index = this.#indexOf.get(user);
    if (index === undefined) {
      const copy = copyOf(user);
      this.#indexOf.set(copy, this.size);
      this.#columns.add(copy, priority, origin);
      return;
    }
    if ((codes[index] ?? 0) < priority) codes[index] = priority;
    // A change made here, or by two hosts, must go to all of them.
    if (origins.get(index) !== origin) origins.delete(index);
  }

  addAll({ users, priorities: codes, origins }: ChangeBatch): void {
    for (const [index, user] of users.entries())
      this.add(user, codes[index] ?? priorityCodes.high, origins.get(index));
  }

  /** Takes all out, in the order in which their users came first. */
  take(): ChangeColumns {
    const columns = this.#columns;
    this.#columns = new ChangeColumns();
    this.#indexOf.clear();
    return columns;
  }
}
