import { setMaxListeners } from 'node:events';
import { type Clock, type Logger, silentLogger, type UserName, type UserStatus } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from '../channel.ts';

export interface MissedChangesOptions {
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly Pick<Channel, 'name'>[];
  /**
   * Was the user's mail changed on this host at that time (Unix milliseconds) or later? Undefined: not known.
   * Rejects when nobody can be asked about anyone just now.
   */
  readonly changedSince: (
    user: UserName,
    sinceMs: number,
    signal: AbortSignal,
  ) => Promise<boolean | undefined>;
  /** Gets whoever's mail changed, or may have, before the queue does. Missing: nobody wants to know. */
  readonly noteChanges?: (users: readonly UserName[]) => Promise<void>;
  /** How often to look for changes without a notification; 0: never. */
  readonly scanIntervalMs: () => number;
  readonly clock: Clock;
  readonly logger?: Logger;
}

/** What one inspection of all users found, on one channel. */
export interface Look {
  readonly asked: number;
  /** Changed, or may have: they are synced. */
  readonly doubted: number;
  /** Of the users asked about: not known. */
  readonly unknown: number;
}

/** Asked about at once: each costs a look-up and a few file accesses. */
const askedAtOnce = 16;
/** Doubted with one call of the queue. */
const doubtedAtOnce = 1_000;
/** How often a scan that is switched off looks whether it still is. */
const offMs = 60_000;
/** File systems note times in steps. */
const clockStepMs = 20;

/** What an inspection of all users is for. */
interface Purpose {
  /** From when on a change of this user is one that nobody has seen to; undefined: the user is not asked about. */
  readonly since: (status: UserStatus) => number | undefined;
  /** Does a user for whom this is not known count as changed? */
  readonly doubtsUnknown: boolean;
  /** Are users who are not asked about to be noted as changed? */
  readonly notesUnasked: boolean;
  readonly message: string;
}

/**
 * Finds users whose mail changed without a notification: while dsyncd was not there, or by a program that does not notify.
 * They are synced soon, and do not count as replicated until then.
 */
export class MissedChanges {
  readonly #options: MissedChangesOptions;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: MissedChangesOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    setMaxListeners(2 * askedAtOnce, this.#stopped.signal);
  }

  /**
   * Asks who changed since we last listened (Unix milliseconds; undefined: nobody knows when that was, so since the last
   * sync of each). Users that were never synced wait for the first sync anyway.
   * Rejects when nobody can be asked; the users found until then are doubted.
   */
  async afterGap(listenedUntil: number | undefined): Promise<void> {
    await this.#lookAtAll({
      since: ({ lastFastSyncAt }) =>
        lastFastSyncAt === undefined ? undefined : (listenedUntil ?? lastFastSyncAt) - clockStepMs,
      doubtsUnknown: true,
      // For the queue they wait anyway; others may know their mail already.
      notesUnasked: true,
      message: 'dsyncd was not listening: whose mail changed meanwhile, or may have, is synced',
    });
  }

  /** Looks now for changes later than the last sync of each. Rejects as {@link afterGap}. */
  async scan(): Promise<void> {
    await this.#lookAtAll({
      since: ({ running, requestedAt, failed, lastSuccessAt }) =>
        running || requestedAt !== undefined || failed ? undefined : lastSuccessAt,
      doubtsUnknown: false,
      notesUnasked: false,
      message: 'mail was changed without a notification: it is synced',
    });
  }

  /** Begins to scan from time to time. */
  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, scanIntervalMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      // One that is off may be switched on by a reload.
      const intervalMs = scanIntervalMs();
      await clock.sleep(intervalMs === 0 ? offMs : intervalMs, signal).catch(() => {});
      if (signal.aborted || scanIntervalMs() === 0) continue;
      try {
        await this.scan();
      } catch (error) {
        if (!signal.aborted)
          this.#logger.warn({ error }, 'cannot look for changes that were not notified; the next scan may');
      }
    }
  }

  async #lookAtAll(purpose: Purpose): Promise<void> {
    for (const { name: channel } of this.#options.channels()) {
      const look = await this.#lookAt(channel, purpose);
      if (look.doubted > 0) this.#logger.info({ channel, ...look }, purpose.message);
      if (look.unknown > 0)
        this.#logger.warn(
          { channel, unknown: look.unknown },
          'whether mail of these users changed is not known: their index files cannot be read; see mail_index_path',
        );
    }
  }

  async #lookAt(channel: string, { since, doubtsUnknown, notesUnasked }: Purpose): Promise<Look> {
    const { queue, noteChanges } = this.#options;
    const doubts = new Doubts(queue, channel, noteChanges);
    let [asked, unknown] = [0, 0];
    const ask = async (questions: readonly Question[]): Promise<void> => {
      const answers = await Promise.all(questions.map((question) => this.#ask(question)));
      asked += answers.length;
      unknown += answers.filter((answer) => answer === undefined).length;
      await doubts.add(
        questions.filter((_, index) => answers[index] ?? doubtsUnknown).map(({ user }) => user),
      );
    };
    try {
      let questions: Question[] = [];
      for await (const status of queue.userStatus(channel, '*')) {
        const sinceMs = since(status);
        if (sinceMs === undefined) {
          if (notesUnasked) await noteChanges?.([status.user]);
          continue;
        }
        questions.push({ user: status.user, sinceMs });
        if (questions.length < askedAtOnce) continue;
        await ask(questions);
        questions = [];
      }
      await ask(questions);
    } finally {
      await doubts.send();
    }
    return { asked, doubted: doubts.count, unknown };
  }

  #ask({ user, sinceMs }: Question): Promise<boolean | undefined> {
    const { signal } = this.#stopped;
    signal.throwIfAborted();
    return this.#options.changedSince(user, sinceMs, signal);
  }
}

interface Question {
  readonly user: UserName;
  readonly sinceMs: number;
}

/** Reports doubted users to the queue, many at once. */
class Doubts {
  readonly #queue: ReplicationQueue;
  readonly #channel: string;
  readonly #noteChanges: MissedChangesOptions['noteChanges'];
  #users: UserName[] = [];
  count = 0;

  constructor(queue: ReplicationQueue, channel: string, noteChanges: MissedChangesOptions['noteChanges']) {
    this.#noteChanges = noteChanges;
    this.#queue = queue;
    this.#channel = channel;
  }

  async add(users: readonly UserName[]): Promise<void> {
    this.#users.push(...users);
    if (this.#users.length >= doubtedAtOnce) await this.send();
  }

  async send(): Promise<void> {
    const users = this.#users;
    this.#users = [];
    this.count += users.length;
    if (users.length === 0) return;
    await this.#noteChanges?.(users);
    await this.#queue.doubt(this.#channel, users);
  }
}
