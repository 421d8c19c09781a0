import { randomBytes } from 'node:crypto';
import type { UserName } from '@dsyncd/core';
import { cursorOf, type Kept, type Run, sequenceAfter } from './cursor.ts';
import { NextNote } from './next-note.ts';
import { type Backlog, type ChangeFeed, type ChangePage, timeStepMs } from './port.ts';

/** What a feed in memory keeps over a close, as a file would. */
export interface FeedMemory {
  /** In the order of their last change. */
  readonly changes: Map<UserName, number>;
  readonly marks: Map<string, string>;
  readonly runs: Run[];
  /** Number and time of some changes, the oldest first. */
  readonly times: { readonly sequence: number; readonly at: number }[];
  droppedUntil: number;
  last: number;
}

export const newFeedMemory = (): FeedMemory => ({
  changes: new Map(),
  marks: new Map(),
  runs: [],
  times: [],
  droppedUntil: 0,
  last: 0,
});

/** The feed in memory, for tests. @param usersMax - more drop those whose last change is longest ago */
export class MemoryFeed implements ChangeFeed {
  readonly #memory: FeedMemory;
  readonly #usersMax: number;
  readonly #run: string;
  readonly #notes = new NextNote();

  constructor(memory: FeedMemory = newFeedMemory(), usersMax = Number.POSITIVE_INFINITY) {
    this.#memory = memory;
    this.#usersMax = usersMax;
    this.#run = randomBytes(8).toString('hex');
    memory.runs.push({ id: this.#run, from: memory.last });
  }

  async note(users: readonly UserName[]): Promise<void> {
    const memory = this.#memory;
    const at = Date.now();
    if (users.length > 0 && at - (memory.times.at(-1)?.at ?? 0) >= timeStepMs)
      memory.times.push({ sequence: memory.last + 1, at });
    for (const user of new Set(users)) {
      memory.changes.delete(user);
      memory.changes.set(user, ++memory.last);
    }
    for (const [user, sequence] of memory.changes) {
      if (memory.changes.size <= this.#usersMax) break;
      memory.changes.delete(user);
      memory.droppedUntil = sequence;
    }
    if (users.length > 0) this.#notes.wakeAll();
  }

  async page(since: string | undefined, limit: number): Promise<ChangePage> {
    const { changes, last } = this.#memory;
    const after = since === undefined ? 0 : sequenceAfter(since, this.#kept);
    const found = [...changes].filter(([, sequence]) => sequence > after);
    const taken = found.slice(0, limit);
    const hasMore = taken.length < found.length;
    const sequence = hasMore ? (taken.at(-1)?.[1] ?? after) : last;
    return { users: taken.map(([user]) => user), next: this.#cursor(sequence), hasMore };
  }

  async end(): Promise<string> {
    return this.#cursor(this.#memory.last);
  }

  async backlog(since: string): Promise<Backlog> {
    const after = sequenceAfter(since, this.#kept);
    const { changes, times } = this.#memory;
    const users = [...changes.values()].filter((sequence) => sequence > after).length;
    const time = times.findLast(({ sequence }) => sequence <= after + 1);
    return { users, since: users === 0 ? undefined : time?.at };
  }

  nextNote(signal: AbortSignal): Promise<void> {
    return this.#notes.wait(signal);
  }

  async mark(name: string): Promise<string | undefined> {
    return this.#memory.marks.get(name);
  }

  async keepMark(name: string, cursor: string | undefined): Promise<void> {
    if (cursor === undefined) this.#memory.marks.delete(name);
    else this.#memory.marks.set(name, cursor);
  }

  async close(): Promise<void> {}

  get #kept(): Kept {
    return this.#memory;
  }

  #cursor(sequence: number): string {
    return cursorOf({ run: this.#run, sequence });
  }
}
