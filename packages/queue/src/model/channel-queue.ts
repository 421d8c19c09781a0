import {
  type ChannelStatus,
  fitsFilter,
  priorities,
  type Random,
  type SyncType,
  type UserFilter,
  type UserStatus,
} from '@dsyncd/core';
import { Breaker } from './breaker.ts';
import { type Bucket, bucket, ChannelCounts, countLags, standingOfRecord } from './channel-counts.ts';
import { IndexedHeap } from './collections.ts';
import { awaitsProof, dueAt, rank, syncType } from './due.ts';
import { type CodedRequest, mergeRequest, type RunningClaim } from './running-claim.ts';
import { limitWait, timing } from './timing.ts';
import { FailureTexts, flag, UserRecords } from './user-records.ts';
import type { UserTable } from './user-table.ts';

const priorityBuckets = [bucket.idle, bucket.low, bucket.high, bucket.sync] as const;
const syncPriority = 3;

export interface ChannelTiming {
  readonly fullSyncIntervalMs: number;
  readonly failureResyncIntervalMs: number;
}

/**
 * One channel's users and the order in which they are due.
 *
 * A known user is in one of four places: `ready` (due and asked for, ordered by rank), `quiet` (due though nobody
 * asked: a first sync, a doubt, the full-sync interval), `waiting` (ordered by the instant when it becomes due), or in
 * none, while it is being synced on whatever channel, quarantined or paused. Quiet users go when no other is ready,
 * and only so many at once: a thousand first syncs must not make a delivery wait.
 */
export class ChannelQueue {
  readonly name: string;
  readonly index: number;
  readonly records = new UserRecords();
  readonly failures = new FailureTexts();
  readonly breaker: Breaker;
  isConfigured = true;
  /** Stopped by a person. */
  isPaused = false;
  timing: ChannelTiming;
  readonly #users: UserTable;
  readonly #ready = new IndexedHeap();
  readonly #quiet = new IndexedHeap();
  readonly #waiting = new IndexedHeap();
  readonly #oldest = new IndexedHeap();
  readonly #counts = new ChannelCounts(this.records);
  #known = 0;

  constructor(name: string, index: number, users: UserTable, random: Random, channelTiming: ChannelTiming) {
    this.name = name;
    this.index = index;
    this.#users = users;
    this.breaker = new Breaker(random);
    this.timing = channelTiming;
  }

  reserve(capacity: number): void {
    this.records.reserve(capacity);
    for (const heap of [this.#ready, this.#quiet, this.#waiting, this.#oldest]) heap.reserve(capacity);
  }

  knows(user: number): boolean {
    return this.records.has(user, flag.known);
  }

  /** Makes the user known; false when it was. */
  add(user: number, now: number): boolean {
    if (this.knows(user)) return false;
    this.records.init(user, now);
    this.adopt(user, now);
    return true;
  }

  /** Takes up a record that was just filled. */
  adopt(user: number, now: number): void {
    this.#known++;
    this.#users.countChannel(user, 1);
    this.place(user, now);
  }

  /** Would this request leave the user's record as it is? For the hot path: cheap, and only sure when true. */
  isCovered(user: number, priority: number): boolean {
    return (
      (this.records.priority[user] as number) >= priority &&
      !this.#users.isRunning(user) &&
      (priority < syncPriority || this.records.notBefore[user] === 0)
    );
  }

  /** Merges a request into the user's record; true when the record has changed. */
  request(user: number, asked: CodedRequest, now: number): boolean {
    const { records } = this;
    const isNew = this.add(user, now);
    const running = this.#users.runningOf(user);
    if (running !== undefined && running.channel === this.index && !running.isStale)
      running.more = mergeRequest(running.more, asked, now);
    let hasChanged = isNew;
    // A change does not wait for the user to be quiet.
    if (awaitsProof(records, user)) records.notBefore[user] = 0;
    if ((records.priority[user] as number) < asked.priority) {
      records.priority[user] = asked.priority;
      hasChanged = true;
    }
    if (records.requestedAt[user] === 0) {
      records.requestedAt[user] = now;
      hasChanged = true;
    }
    if (asked.full && !records.has(user, flag.wantsFull)) {
      records.mark(user, flag.wantsFull);
      hasChanged = true;
    }
    if (this.hurry(user, asked)) hasChanged = true;
    if (hasChanged) this.place(user, now);
    return hasChanged;
  }

  /** An operator's request ends quarantine and waiting at once; a sync one shortens waiting, but does not hammer. */
  hurry(user: number, asked: CodedRequest): boolean {
    const { records } = this;
    const notBefore = records.notBefore[user] as number;
    if (asked.byOperator) {
      const wasHeld = records.has(user, flag.quarantined) || notBefore > 0;
      records.clear(user, flag.quarantined);
      records.notBefore[user] = 0;
      return wasHeld;
    }
    if (asked.priority < syncPriority || notBefore === 0) return false;
    const pauseMs = records.has(user, flag.failed) ? timing.backoffFirstMs : timing.quickRetryFirstMs;
    const earliest = (records.lastFastAt[user] as number) + pauseMs;
    if (earliest >= notBefore) return false;
    records.notBefore[user] = earliest;
    return true;
  }

  /** A person stops the user's syncs or lets them go on; true when that changes something. */
  setPaused(user: number, isPaused: boolean, now: number): boolean {
    const { records } = this;
    if (records.has(user, flag.paused) === isPaused) return false;
    if (isPaused) records.mark(user, flag.paused);
    else records.clear(user, flag.paused);
    this.place(user, now);
    return true;
  }

  /** Mail may have changed unseen; true when that was not known yet. */
  doubt(user: number, now: number): boolean {
    const { records } = this;
    const isNew = this.add(user, now);
    const running = this.#users.runningOf(user);
    if (running !== undefined && running.channel === this.index) running.isDoubtedAgain = true;
    if (records.has(user, flag.doubted)) return isNew;
    records.mark(user, flag.doubted);
    this.place(user, now);
    return true;
  }

  forget(user: number): void {
    if (!this.knows(user)) return;
    this.records.wipe(user);
    this.failures.set(user, undefined);
    this.#known--;
    this.#users.countChannel(user, -1);
    this.place(user, 0);
  }

  /** Puts the user where its record says. To be called after each change of it. */
  place(user: number, now: number): void {
    const { records } = this;
    if ((records.notBefore[user] as number) > now) limitWait(records, user, now, this.timing);
    const behindSince = records.behindSince(user);
    if (behindSince > 0) this.#oldest.set(user, behindSince);
    else this.#oldest.delete(user);
    const isHeld =
      !this.knows(user) || this.#users.isRunning(user) || records.has(user, flag.quarantined | flag.paused);
    const due = isHeld ? Number.POSITIVE_INFINITY : dueAt(records, user, this.timing);
    const isReady = due <= now;
    const isQuiet = isReady && !records.isPending(user) && records.notBefore[user] === 0;
    if (isReady && !isQuiet) this.#ready.set(user, rank(records, user, due));
    else this.#ready.delete(user);
    if (!isQuiet) this.#quiet.delete(user);
    else if (!this.#quiet.has(user)) this.#quiet.set(user, due === 0 ? now : due);
    if (isReady || isHeld) this.#waiting.delete(user);
    else this.#waiting.set(user, due);
    this.#counts.update(user, this.#bucketOf(user, isReady));
  }

  /** Moves the users that have become due to `ready`. */
  promote(now: number): void {
    while (this.#waiting.firstKey <= now) {
      const user = this.#waiting.firstId;
      this.place(user, now);
      // A clock that went back between two readings must not make this loop for ever.
      if (this.#waiting.firstId === user) break;
    }
  }

  /** Who of those that were asked for is next; undefined when none is due or the channel is held back. */
  firstAsked(now: number): NextUser | undefined {
    return this.#first(this.#ready, now);
  }

  /** Who is next of those that nobody asked for. */
  firstQuiet(now: number): NextUser | undefined {
    return this.#first(this.#quiet, now);
  }

  /** How ill the user does on this channel: what fails for all, or for this one. */
  failuresOf(user: number): number {
    return Math.max(this.breaker.failuresInRow, this.records.failures[user] ?? 0);
  }

  isAskedFor(user: number, now: number): boolean {
    return this.#isOpen(now) && this.#ready.has(user);
  }

  #isOpen(now: number): boolean {
    return this.isConfigured && !this.isPaused && this.breaker.gateAt <= now;
  }

  #first(heap: IndexedHeap, now: number): NextUser | undefined {
    if (!this.#isOpen(now)) return undefined;
    this.promote(now);
    return heap.size === 0 ? undefined : { channel: this, user: heap.firstId, rank: heap.firstKey };
  }

  /** When to look again, if nothing happens before; Infinity when only an event can make someone due. */
  wakeAt(now: number, isQuietFull: boolean): number {
    if (!this.isConfigured || this.isPaused) return Number.POSITIVE_INFINITY;
    const isDue = this.#ready.size > 0 || (this.#quiet.size > 0 && !isQuietFull);
    return Math.max(isDue ? now : this.#waiting.firstKey, this.breaker.gateAt);
  }

  syncType(user: number, now: number): SyncType {
    return syncType(this.records, user, now, this.timing);
  }

  lastFullSyncAt(user: number): number | undefined {
    return this.records.has(user, flag.fullSynced) ? instant(this.records.fullBaseAt[user]) : undefined;
  }

  #bucketOf(user: number, isReady: boolean): Bucket {
    const { records } = this;
    if (!this.knows(user)) return bucket.unknown;
    if (this.#users.runningOf(user)?.channel === this.index) return bucket.running;
    if (records.has(user, flag.quarantined)) return bucket.quarantined;
    if (records.has(user, flag.paused)) return bucket.paused;
    if (records.has(user, flag.failed)) return bucket.failed;
    if (records.isPending(user)) return priorityBuckets[records.priority[user] as number] ?? bucket.idle;
    return isReady ? bucket.fullResync : bucket.idle;
  }

  /** How many users' oldest change waits longer than each of the limits, which ascend. */
  lagCounts(limitsMs: readonly number[], now: number): number[] {
    return countLags(this.#oldest, limitsMs, now);
  }

  fits(user: number, only: UserFilter | undefined): boolean {
    if (only === undefined || !this.knows(user)) return this.knows(user);
    const { records } = this;
    const status = { standing: standingOfRecord(records, user), paused: records.has(user, flag.paused) };
    return fitsFilter(status, only);
  }

  status(now: number): ChannelStatus {
    this.promote(now);
    return {
      channel: this.name,
      ...this.#counts.status(),
      users: this.#known,
      paused: this.isPaused,
      oldestRequestAt: this.#oldest.size === 0 ? undefined : this.#oldest.firstKey,
      breaker: this.breaker.status(),
    };
  }

  userStatus(user: number): UserStatus | undefined {
    const name = this.#users.nameOf(user);
    if (name === undefined || !this.knows(user)) return undefined;
    const { records } = this;
    const running = this.#runningHere(user);
    const priority =
      running === undefined ? (records.priority[user] as number) : (running.more?.priority ?? 0);
    const isHeld = records.has(user, flag.quarantined | flag.paused);
    const due = dueAt(records, user, this.timing);
    return {
      user: name,
      priority: priorities[priority] ?? 'none',
      lastFastSyncAt: instant(records.lastFastAt[user]),
      lastFullSyncAt: this.lastFullSyncAt(user),
      lastSuccessAt: instant(records.lastSuccessAt[user]),
      failed: records.has(user, flag.failed),
      quarantined: records.has(user, flag.quarantined),
      paused: records.has(user, flag.paused),
      failure: this.failures.get(user),
      failuresInRow: records.failures[user] as number,
      nextSyncAt: isHeld
        ? undefined
        : (instant(due) ?? instant(records.requestedAt[user]) ?? instant(records.fullBaseAt[user])),
      requestedAt: instant(records.behindSince(user)),
      running: running !== undefined,
      standing: standingOfRecord(records, user),
      quickRetriesInRow: records.quickRetries[user] as number,
    };
  }

  #runningHere(user: number): RunningClaim | undefined {
    const running = this.#users.runningOf(user);
    return running?.channel === this.index && !running.isStale ? running : undefined;
  }
}

/** Who could be synced next. */
export interface NextUser {
  readonly channel: ChannelQueue;
  readonly user: number;
  /** The smaller the sooner. */
  readonly rank: number;
}

const instant = (at: number | undefined): number | undefined =>
  at === undefined || at === 0 ? undefined : at;
