import type { Clock, Logger } from '@dsyncd/core';
import type { BadLineReason, NotifyBatch } from '@dsyncd/protocol';
import { MergedRequests } from '../merged-changes.ts';
import type { ListenerOptions, NotifySink } from '../sink.ts';

/**
 * Users that may wait for the sink before its sources are told to stop reading: some 30 MB. As many
 * as a large site has, so that a flood of notifications merges instead of queueing up.
 */
export const waitingUsersMax = 200_000;
/** Users in one call of the sink: what commits in well under a second. */
export const batchUsersMax = 5_000;
const retryDelayMs = 1000;

/** What can be told to stop for a while: a socket. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

export interface AddOptions {
  /** Is the third field of these lines an origin? Default true. */
  readonly extraIsOrigin?: boolean;
  /** Indexes that someone else sees to. */
  readonly without?: ReadonlySet<number>;
}

/**
 * Brings notifications from a listener to the sink, one batch at a time: what comes meanwhile is
 * merged into the next. A batch that the sink refused is tried again, so nothing that was taken is
 * forgotten while the process lives.
 */
export class SinkFeed {
  readonly #sink: NotifySink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #badLines: BadLineLog;
  readonly #waiting = new MergedRequests();
  readonly #sources = new Set<Pausable>();
  #running: Promise<void> | undefined;
  #paused = false;
  #taken = 0;
  /** When the oldest of those that wait, and of those that the sink has, came. */
  #waitingSince: number | undefined;
  #deliveringSince: number | undefined;

  constructor({ sink, clock, logger }: ListenerOptions, place: string) {
    this.#sink = sink;
    this.#clock = clock;
    this.#logger = logger.child({ listener: place });
    this.#badLines = new BadLineLog(clock, this.#logger);
  }

  get taken(): number {
    return this.#taken;
  }

  get badLines(): number {
    return this.#badLines.count;
  }

  /** Everything that came before is durable, by the clock. */
  get storedUntil(): number {
    return this.#deliveringSince ?? this.#waitingSince ?? this.#clock.now();
  }

  get isFull(): boolean {
    return this.#waiting.size > waitingUsersMax;
  }

  attach(source: Pausable): void {
    this.#sources.add(source);
    if (this.#paused) source.pause();
  }

  detach(source: Pausable): void {
    this.#sources.delete(source);
  }

  add(batch: NotifyBatch, options: AddOptions = {}): void {
    const { extraIsOrigin = true, without } = options;
    this.#badLines.add(batch);
    const { users, priorities, extras } = batch;
    for (let index = 0; index < users.length; index++) {
      const user = users[index];
      const priority = priorities[index];
      if (user === undefined || priority === undefined || without?.has(index)) continue;
      const origin = extraIsOrigin && extras.size > 0 ? extras.get(index) : undefined;
      this.#waiting.add(user, priority, origin);
    }
    this.#taken += users.length;
    if (this.#waiting.size === 0) return;
    this.#waitingSince ??= this.#clock.now();
    this.#running ??= this.#run();
    this.#setPaused(this.isFull);
  }

  /** Settles when everything that was added so far is durable. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // One turn of the loop, so that what is readable now goes into the same batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.size > 0) {
      const batch = this.#waiting.take();
      this.#deliveringSince = this.#waitingSince;
      this.#waitingSince = undefined;
      for (let from = 0; from < batch.length; from += batchUsersMax)
        await this.#deliver(batch.slice(from, from + batchUsersMax));
      this.#deliveringSince = undefined;
      this.#setPaused(this.isFull);
    }
    this.#running = undefined;
  }

  async #deliver(batch: Parameters<NotifySink['request']>[0]): Promise<void> {
    for (;;) {
      try {
        return await this.#sink.request(batch);
      } catch (error) {
        this.#logger.error({ error, users: batch.length }, 'notifications not stored; trying again');
        await this.#clock.sleep(retryDelayMs);
      }
    }
  }

  #setPaused(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    for (const source of this.#sources) {
      if (paused) source.pause();
      else source.resume();
    }
  }
}

const quietMs = 60_000;

const hints: Readonly<Record<BadLineReason, string>> = {
  'too long': 'a line is USER TAB PRIORITY and ends with a line feed: look for a program that leaves it out',
  'not UTF-8': 'user names must be UTF-8: rename the user, or mend the program that notifies',
  'control character': 'mend the program that notifies: only TAB stands between user and priority',
  'unknown priority': 'the priority must be low, high or sync',
  'bad user name': 'user names have 1 to 255 bytes of UTF-8 without "/" or a leading "-" or "."',
  'bad field': 'a line is USER TAB PRIORITY: mend the program that notifies',
};

/** Logs refused lines, each kind at most once a minute: a broken client must not fill the log. */
export class BadLineLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loggedAt = new Map<BadLineReason, number>();
  #unlogged = 0;
  count = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  add({ badCount, bad }: NotifyBatch): void {
    if (badCount === 0) return;
    this.count += badCount;
    this.#unlogged += badCount;
    const now = this.#clock.elapsed();
    for (const { reason, quoted } of bad) {
      const loggedAt = this.#loggedAt.get(reason);
      if (loggedAt !== undefined && now - loggedAt < quietMs) continue;
      this.#loggedAt.set(reason, now);
      this.#logger.warn(
        { reason, line: quoted, refusedLines: this.#unlogged, hint: hints[reason] },
        'notification line refused',
      );
      this.#unlogged = 0;
    }
  }
}
