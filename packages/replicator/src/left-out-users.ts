import {
  type Clock,
  type Logger,
  priorityCodes,
  quote,
  type RequestPriority,
  type UserName,
} from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';

/** More are counted, not kept; listed users come with the next reading of that list in any case. */
const keptMax = 100_000;
const retryMs = 60_000;

/** Who changed, how urgent that is, and which channels are to hear of it. */
export interface Change {
  readonly user: UserName;
  readonly priority: RequestPriority;
  readonly channels: readonly string[];
}

export interface LeftOutOptions {
  readonly queue: ReplicationQueue;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Users whom the queue has no room for: named in the log, and brought again from time to time. */
export class LeftOutUsers {
  readonly #options: LeftOutOptions;
  readonly #kept = new Map<UserName, Change>();
  #unkeptCount = 0;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(options: LeftOutOptions) {
    this.#options = options;
  }

  /** Since the last time that all of them had room. */
  get count(): number {
    return this.#kept.size + this.#unkeptCount;
  }

  get example(): UserName | undefined {
    const [first] = this.#kept.keys();
    return first;
  }

  add(changes: readonly Change[]): void {
    const before = this.count;
    for (const change of changes) this.#keep(change);
    if (this.count === before) return;
    this.#options.logger.warn(
      { users: this.count, example: quote(this.example ?? '') },
      'users are NOT replicated: the queue knows as many as it may; they are brought again every minute',
    );
    this.#retryLater();
  }

  #keep(change: Change): void {
    const known = this.#kept.get(change.user);
    if (known === undefined && this.#kept.size >= keptMax) this.#unkeptCount++;
    else this.#kept.set(change.user, known === undefined ? change : merged(known, change));
  }

  #retryLater(): void {
    if (this.#isStopped || this.#cancel !== undefined) return;
    this.#cancel = this.#options.clock.after(retryMs, () => {
      this.#cancel = undefined;
      void this.#retry();
    });
  }

  /** Never rejects: what is not taken stays for the next time. */
  async #retry(): Promise<void> {
    try {
      for (const [channels, changes] of byChannels([...this.#kept.values()]))
        await this.#bring(channels, changes);
      if (this.#kept.size === 0) {
        this.#unkeptCount = 0;
        this.#options.logger.info({}, 'the queue has room for all users again');
      }
    } catch (error) {
      this.#options.logger.warn({ error }, 'users whom the queue had no room for could not be brought again');
    }
    if (this.#kept.size > 0) this.#retryLater();
  }

  async #bring(channels: readonly string[], changes: readonly Change[]): Promise<void> {
    const { leftOut } = await this.#options.queue.requestMany({
      channels,
      names: changes.map(({ user }) => user),
      priorities: Uint8Array.from(changes, ({ priority }) => priorityCodes[priority]),
    });
    const still = new Set(leftOut);
    // One that came anew meanwhile is another change, and stays.
    for (const [position, change] of changes.entries())
      if (!still.has(position) && this.#kept.get(change.user) === change) this.#kept.delete(change.user);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }
}

const merged = (one: Change, other: Change): Change => ({
  user: one.user,
  priority: priorityCodes[one.priority] > priorityCodes[other.priority] ? one.priority : other.priority,
  channels: [...new Set([...one.channels, ...other.channels])].sort(),
});

function byChannels(changes: readonly Change[]): Iterable<[readonly string[], readonly Change[]]> {
  const groups = new Map<string, [readonly string[], Change[]]>();
  for (const change of changes) {
    const key = change.channels.join('\0');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [change.channels, [change]]);
    else group[1].push(change);
  }
  return groups.values();
}
