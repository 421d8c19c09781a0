import { type Clock, DsyncdError, type OutcomeKind, type UserName } from '@dsyncd/core';
import type { ClaimHead } from './model/running-claim.ts';

/** Waiters of all users together; each holds a connection of a mail process. */
export const waitersMax = 100_000;

interface Waiter {
  readonly answer: (outcome: OutcomeKind) => void;
  readonly refuse: (reason: unknown) => void;
}

/**
 * Who waits for a sync. A waiter waits for the next sync of its user to start, then belongs to that
 * sync and is answered with its outcome.
 */
export class Waiters {
  /** By channel, then by user. */
  readonly #waiting = new Map<string, Map<UserName, Set<Waiter>>>();
  readonly #syncing = new Map<number, Set<Waiter>>();
  #count = 0;

  wait(channel: string, user: UserName, signal: AbortSignal): Promise<OutcomeKind> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#count >= waitersMax)
      return Promise.reject(
        new DsyncdError('DSYNCD_QUEUE_WAITERS_MAX', `${waitersMax} callers wait for a sync already`, {
          outcome: 'transient',
        }),
      );
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        if (!this.#drop(waiter, channel, user)) return;
        this.#count--;
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const waiter: Waiter = {
        answer: (outcome) => finish(() => resolve(outcome)),
        refuse: (reason) => finish(() => reject(reason)),
      };
      const onAbort = (): void => waiter.refuse(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#usersOf(channel, user).add(waiter);
      this.#count++;
    });
  }

  syncStarted(claimId: number, channel: string, user: UserName): void {
    const waiting = this.#take(channel, user);
    if (waiting !== undefined) this.#syncing.set(claimId, waiting);
  }

  syncEnded(claimId: number, outcome: OutcomeKind): void {
    for (const waiter of [...(this.#syncing.get(claimId) ?? [])]) waiter.answer(outcome);
    this.#syncing.delete(claimId);
  }

  /** The sync counts as never started. */
  syncAbandoned(claimId: number, channel: string, user: UserName): void {
    const waiters = this.#syncing.get(claimId);
    this.#syncing.delete(claimId);
    if (waiters === undefined || waiters.size === 0) return;
    const waiting = this.#usersOf(channel, user);
    for (const waiter of waiters) waiting.add(waiter);
  }

  /** Answers those that wait for a sync that will not come. */
  answerUser(channel: string, user: UserName, outcome: OutcomeKind): void {
    for (const waiter of [...(this.#waiting.get(channel)?.get(user) ?? [])]) waiter.answer(outcome);
  }

  answerChannel(channel: string, outcome: OutcomeKind): void {
    for (const waiters of [...(this.#waiting.get(channel)?.values() ?? [])])
      for (const waiter of [...waiters]) waiter.answer(outcome);
  }

  refuseAll(reason: unknown): void {
    const all = [...this.#waiting.values()].flatMap((users) => [...users.values()]);
    for (const waiters of [...all, ...this.#syncing.values()])
      for (const waiter of [...waiters]) waiter.refuse(reason);
  }

  #usersOf(channel: string, user: UserName): Set<Waiter> {
    const users = this.#waiting.get(channel) ?? new Map<UserName, Set<Waiter>>();
    this.#waiting.set(channel, users);
    const waiters = users.get(user) ?? new Set<Waiter>();
    users.set(user, waiters);
    return waiters;
  }

  #take(channel: string, user: UserName): Set<Waiter> | undefined {
    const users = this.#waiting.get(channel);
    const waiters = users?.get(user);
    users?.delete(user);
    return waiters;
  }

  #drop(waiter: Waiter, channel: string, user: UserName): boolean {
    const users = this.#waiting.get(channel);
    const waiters = users?.get(user);
    if (waiters?.delete(waiter)) {
      if (waiters.size === 0) users?.delete(user);
      return true;
    }
    for (const syncing of this.#syncing.values()) if (syncing.delete(waiter)) return true;
    return false;
  }
}

/** Timers of Node overflow beyond 24.8 days; looking once an hour costs nothing. */
const timerMsMax = 3_600_000;

export interface ClaimersOptions {
  readonly clock: Pick<Clock, 'after'>;
  readonly now: () => number;
  readonly claim: (now: number) => ClaimHead | undefined;
  readonly wakeAt: (now: number) => number;
}

/** Workers that wait for something to be due, first come, first served. */
export class Claimers {
  readonly #options: ClaimersOptions;
  readonly #waiting = new Set<(head: ClaimHead | undefined) => void>();
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(options: ClaimersOptions) {
    this.#options = options;
  }

  /** What is due now or will be next; undefined when the signal aborts or the queue closes. */
  next(signal: AbortSignal): Promise<ClaimHead | undefined> {
    if (signal.aborted || this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const answer = (head: ClaimHead | undefined): void => {
        this.#waiting.delete(answer);
        signal.removeEventListener('abort', onAbort);
        resolve(head);
      };
      const onAbort = (): void => answer(undefined);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(answer);
      this.serve();
    });
  }

  /** To be called whenever something may have become due, or due earlier. */
  serve(): void {
    for (const answer of this.#waiting) {
      const head = this.#options.claim(this.#options.now());
      if (head === undefined) {
        this.#arm();
        return;
      }
      answer(head);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const answer of [...this.#waiting]) answer(undefined);
  }

  #arm(): void {
    const now = this.#options.now();
    const at = Math.min(this.#options.wakeAt(now), now + timerMsMax);
    if (at === this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = this.#options.clock.after(Math.max(1, Math.ceil(at - now)), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#cancelTimer = undefined;
      this.serve();
    });
  }
}
