import type { Clock, Logger } from '@dsyncd/core';
import type { BadLineReason, NotifyBatch } from '@dsyncd/protocol';
import { type ChangeBatch, ChangeColumns, copyOf, MergedChanges, piecesOf } from '../changes.ts';
import type { ListenerOptions, NotifySink } from '../sink.ts';

/**
 * Lines that may wait for the sink, some 30 MB; beyond it they are merged by user, and where that leaves more than half,
 * the sources are paused.
 */
export const waitingLinesMax = 200_000;
/** Lines in one call of the sink: what is stored in well under a second. */
export const batchLinesMax = 20_000;
const retryDelayMs = 1000;

/** A source that can be paused: a socket. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

export interface AddOptions {
  /** Is the third field of these lines an origin? Default true. */
  readonly extraIsOrigin?: boolean;
  /** Indexes of lines that the caller handles. */
  readonly without?: ReadonlySet<number>;
}

/**
 * Brings notifications from a listener to the sink, one batch at a time; what comes meanwhile goes into the next one.
 * Lines are not merged here, the queue does that, unless too many wait. A batch that the sink refused is tried again, so
 * nothing that was taken is forgotten while the process lives.
 */
export class SinkFeed {
  readonly #sink: NotifySink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #badLines: BadLineLog;
  readonly #sources = new Set<Pausable>();
  #waiting = new ChangeColumns();
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

  /** Are the sources held up? */
  get isFull(): boolean {
    return this.#paused;
  }

  attach(source: Pausable): void {
    this.#sources.add(source);
    if (this.#paused) source.pause();
  }

  detach(source: Pausable): void {
    this.#sources.delete(source);
  }

  add(batch: NotifyBatch, { extraIsOrigin = true, without }: AddOptions = {}): void {
    this.#badLines.add(batch);
    const { users, priorities, extras } = batch;
    for (const [index, user] of users.entries()) {
      const priority = priorities[index];
      if (priority === undefined || without?.has(index)) continue;
      const origin = extraIsOrigin ? extras.get(index) : undefined;
      // Names are slices of the block; bad lines may have made that much longer than they are.
      if (batch.badCount > 0) this.#waiting.add(copyOf(user), priority, origin && copyOf(origin));
      else this.#waiting.add(user, priority, origin);
    }
    this.#taken += users.length;
    if (this.#waiting.users.length === 0) return;
    this.#waitingSince ??= this.#clock.now();
    this.#running ??= this.#run();
    if (this.#waiting.users.length > waitingLinesMax) this.#merge();
  }

  #merge(): void {
    const merged = new MergedChanges();
    merged.addAll(this.#waiting);
    this.#waiting = merged.take();
    this.#setPaused(this.#waiting.users.length > waitingLinesMax / 2);
  }

  /** Settles when everything that was added so far is durable. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // One turn of the loop, so that what is readable now goes into the same batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.users.length > 0) {
      const batch = this.#waiting;
      this.#waiting = new ChangeColumns();
      this.#deliveringSince = this.#waitingSince;
      this.#waitingSince = undefined;
      this.#setPaused(false);
      for (const piece of piecesOf(batch, batchLinesMax)) await this.#deliver(piece);
      this.#deliveringSince = undefined;
    }
    this.#running = undefined;
  }

  async #deliver(batch: ChangeBatch): Promise<void> {
    for (;;) {
      try {
        return await this.#sink.request(batch);
      } catch (error) {
        this.#logger.error({ error, lines: batch.users.length }, 'notifications not stored; trying again');
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
  'not UTF-8': 'user names must be UTF-8: rename the user, or fix the program that notifies',
  'control character': 'fix the program that notifies: only TAB stands between user and priority',
  'unknown priority': 'the priority must be low, high or sync',
  'bad user name':
    'user names have 1 to 255 bytes of UTF-8, and no part between "/" that is empty, "." or ".."',
  'bad field': 'a line is USER TAB PRIORITY: fix the program that notifies',
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
