import { type Clock, type DsyncdError, type Logger, quote, silentLogger, type UserName } from '@dsyncd/core';
import { noRoomError, type ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from '../channel.ts';

export interface UserRefreshOptions {
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly Channel[];
  /** Everyone who is to be replicated. */
  readonly users: () => AsyncIterable<UserName>;
  /**
   * Asked about a user who was not listed for {@link graceMs}, before that user is forgotten. Missing:
   * no one is ever forgotten.
   */
  readonly exists?: (user: UserName, signal: AbortSignal) => Promise<boolean>;
  /**
   * How much mail the user has, by any measure that grows with it: of users who are new to the queue, those with much are
   * synced last.
   */
  readonly mailSize: (user: UserName, signal: AbortSignal) => Promise<number>;
  /** Users of the last list who cannot be replicated for their names. */
  readonly unusable?: () => { readonly count: number; readonly example?: string };
  readonly intervalMs: () => number;
  readonly graceMs: () => number;
  readonly clock: Clock;
  readonly logger?: Logger;
}

const usersAtOnce = 1_000;

/** Keeps the queue's users in step with a list of users that someone else keeps. */
export class UserRefresh {
  readonly #options: UserRefreshOptions;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  readonly #missingSince = new Map<UserName, number>();
  #unusableCount = 0;
  #noRoom: DsyncdError | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: UserRefreshOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Reads the list now and from time to time; settles after the first time. Never rejects. */
  async start(): Promise<void> {
    const first = this.refresh();
    this.#loop = first.then(() => this.#run());
    await first;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** Why the last list could not be taken as a whole: the queue had no room for some. */
  get noRoom(): DsyncdError | undefined {
    return this.#noRoom;
  }

  /** Reads the list once. Never rejects: without the list everything stays as it is. */
  async refresh(): Promise<void> {
    try {
      const listed = await this.#addListed();
      this.#reportUnusable();
      if (this.#options.exists !== undefined) await this.#forgetVanished(listed, this.#options.exists);
    } catch (error) {
      if (!this.#stopped.signal.aborted)
        this.#logger.warn({ error }, 'users could not be listed; those known stay');
    }
  }

  #reportUnusable(): void {
    const { count, example = '' } = this.#options.unusable?.() ?? { count: 0 };
    if (count === this.#unusableCount) return;
    this.#unusableCount = count;
    if (count === 0) return;
    this.#logger.warn(
      { users: count, example: quote(example) },
      'users are NOT replicated for their names, which have control characters, too many bytes, or empty parts',
    );
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await clock.sleep(intervalMs(), signal).catch(() => {});
      if (!signal.aborted) await this.refresh();
    }
  }

  async #addListed(): Promise<ReadonlySet<UserName>> {
    const { users, exists } = this.#options;
    const listed = new Set<UserName>();
    const noRoomBefore = this.#noRoom;
    this.#noRoom = undefined;
    let batch: UserName[] = [];
    for await (const user of users()) {
      this.#stopped.signal.throwIfAborted();
      if (exists !== undefined) listed.add(user);
      batch.push(user);
      if (batch.length < usersAtOnce) continue;
      await this.#addInOrder(batch);
      batch = [];
    }
    await this.#addInOrder(batch);
    this.#reportNoRoom(noRoomBefore);
    return listed;
  }

  async #addInOrder(users: readonly UserName[]): Promise<void> {
    const fresh = await this.#unknown(users);
    const isFresh = new Set(fresh);
    // On a channel that is new they are new as well.
    await this.#add(users.filter((user) => !isFresh.has(user)));
    const { signal } = this.#stopped;
    const steps = await smallestFirst(fresh, (user) => this.#options.mailSize(user, signal)).catch(() => {
      signal.throwIfAborted();
      // Better in any order than not at all.
      return [fresh];
    });
    for (const step of steps) await this.#add(step);
  }

  async #add(users: readonly UserName[]): Promise<void> {
    if (users.length === 0) return;
    for (const { name } of this.#options.channels()) {
      const { leftOut } = await this.#options.queue.add(name, users);
      if (leftOut.length > 0) this.#noRoom ??= noRoomError(leftOut.map((index) => users[index] ?? ''));
    }
  }

  #reportNoRoom(before: DsyncdError | undefined): void {
    const error = this.#noRoom;
    if (error === undefined || error.message === before?.message) return;
    this.#logger.warn({ error, hint: error.hint }, 'listed users are NOT replicated: the queue has no room');
  }

  async #forgetVanished(
    listed: ReadonlySet<UserName>,
    exists: NonNullable<UserRefreshOptions['exists']>,
  ): Promise<void> {
    if (listed.size === 0) {
      const known = await this.#knownCount();
      // A userdb that is empty at once is broken more often than it is empty.
      if (known > 0) this.#logger.warn({ known }, 'the list of users is empty; those known stay');
      return;
    }
    const missing = await this.#missing(listed);
    for (const user of this.#missingSince.keys()) if (!missing.has(user)) this.#missingSince.delete(user);
    const now = this.#options.clock.elapsed();
    for (const user of missing) {
      const since = this.#missingSince.get(user) ?? now;
      this.#missingSince.set(user, since);
      if (now - since < this.#options.graceMs()) continue;
      if (await exists(user, this.#stopped.signal)) continue;
      await this.#forget(user);
    }
  }

  async #forget(user: UserName): Promise<void> {
    for (const { name } of this.#options.channels()) await this.#options.queue.remove(name, user);
    this.#missingSince.delete(user);
    this.#logger.info({ user }, 'user forgotten: no longer in userdb');
  }

  /** Those of the users whom no channel knows. */
  async #unknown(users: readonly UserName[]): Promise<readonly UserName[]> {
    let unknown = users;
    for (const { name } of this.#options.channels())
      unknown = await this.#options.queue.unknown(name, unknown);
    return unknown;
  }

  async #knownCount(): Promise<number> {
    const { queue, channels } = this.#options;
    const statuses = await Promise.all(channels().map(({ name }) => queue.channelStatus(name)));
    return Math.max(0, ...statuses.map(({ users }) => users));
  }

  /** Known users who are not in the list. */
  async #missing(listed: ReadonlySet<UserName>): Promise<ReadonlySet<UserName>> {
    const missing = new Set<UserName>();
    let count = 0;
    for (const { name } of this.#options.channels())
      for await (const { user } of this.#options.queue.userStatus(name, '*')) {
        if (!listed.has(user)) missing.add(user);
        // A million users must not hold up everything else.
        if (++count % usersAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    return missing;
  }
}

/** Users that are measured at once: each costs a look-up and a few file accesses. */
const lookedAtOnce = 16;
/** Into so many steps the sizes are parted: a queue that takes users together does not say who of them goes first. */
const steps = 20;

/**
 * The order of first syncs: users with much mail go last, as they would keep all others waiting.
 * @param mailSize - of a user; any measure that grows with the mail
 * @returns the users in steps, least mail first
 */
export async function smallestFirst(
  users: readonly UserName[],
  mailSize: (user: UserName) => Promise<number>,
): Promise<UserName[][]> {
  const sized: { readonly user: UserName; readonly size: number }[] = [];
  for (let at = 0; at < users.length; at += lookedAtOnce)
    sized.push(
      ...(await Promise.all(
        users.slice(at, at + lookedAtOnce).map(async (user) => ({ user, size: await mailSize(user) })),
      )),
    );
  sized.sort((one, other) => one.size - other.size);
  const perStep = Math.ceil(users.length / steps);
  return Array.from({ length: Math.ceil(users.length / perStep) }, (_, step) =>
    sized.slice(step * perStep, (step + 1) * perStep).map(({ user }) => user),
  );
}
