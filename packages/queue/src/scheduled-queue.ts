import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type ChannelStatus,
  type Clock,
  type OutcomeKind,
  priorityCodes,
  type RequestBatch,
  type RequestPriority,
  type RunningSync,
  type SyncRequest,
  type UserName,
  type UserStatus,
} from '@dsyncd/core';
import { ClockWatch, type SetBack } from './clock-watch.ts';
import { closedError } from './errors.ts';
import type { Journal } from './journal.ts';
import type { ChannelQueue } from './model/channel-queue.ts';
import type { ClaimHead } from './model/running-claim.ts';
import type { Scheduler, UserRange } from './model/scheduler.ts';
import { flag } from './model/user-records.ts';
import { noRoom } from './model/user-table.ts';
import { respellUsers } from './one-spelling.ts';
import type {
  Claim,
  Completion,
  LeftOut,
  QueueSettings,
  ReplicationQueue,
  RequestResult,
  UserPage,
  UserQuery,
} from './port.ts';
import { eachName, eachUser, idsPerTurn, pageOfUsers, type UserListing } from './user-listing.ts';
import { Claimers, Waiters } from './waiting.ts';

export interface ScheduledQueueOptions {
  readonly scheduler: Scheduler;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** The ReplicationQueue on the scheduling model and a journal: in memory or on disk. */
export class ScheduledQueue implements ReplicationQueue {
  readonly #scheduler: Scheduler;
  readonly #journal: Journal;
  readonly #clock: ClockWatch;
  readonly #waiters = new Waiters();
  readonly #claimers: Claimers;
  #isClosed = false;

  constructor({ scheduler, journal, clock }: ScheduledQueueOptions) {
    this.#scheduler = scheduler;
    this.#journal = journal;
    this.#clock = new ClockWatch(clock, (step) => this.#setBack(step));
    this.#claimers = new Claimers({
      clock,
      now: () => this.#clock.now(),
      claim: (now) => this.#start(now),
      wakeAt: (now) => scheduler.wakeAt(now),
    });
  }

  request(channelName: string, requests: readonly SyncRequest[]): Promise<LeftOut> {
    return this.#each(channelName, requests, (channel, request, now) => {
      const { user, priority, full = false, byOperator = false } = request;
      const asked = { priority: priorityCodes[priority], full, byOperator };
      return this.#scheduler.request(channel, user, asked, now);
    });
  }

  async requestMany({ channels: onto, names, priorities }: RequestBatch): Promise<RequestResult> {
    const channels = onto.map((name) => this.#channel(name));
    const now = this.#clock.now();
    const journal = this.#journal;
    let batch = 0;
    let refusedCount = 0;
    let firstRefused: string | undefined;
    const leftOut: number[] = [];
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      const user = this.#scheduler.notify(channels, name, priorities[index] ?? 0, now);
      if (user === noRoom) {
        leftOut.push(index);
        continue;
      }
      if (user < 0) {
        refusedCount++;
        firstRefused ??= name;
        continue;
      }
      for (const channel of channels) {
        const own = journal.batchOf(channel.index, user);
        if (own > batch) batch = own;
      }
    }
    this.#claimers.serve();
    await journal.settled(batch);
    return { refusedCount, firstRefused, leftOut };
  }

  async waitForSync(channelName: string, user: UserName, signal: AbortSignal): Promise<OutcomeKind> {
    const channel = this.#channel(channelName);
    const name = this.#scheduler.users.spelt(user);
    return this.#hopeless(channel, name) ?? (await this.#waiters.wait(channelName, name, signal));
  }

  /** What to answer when no sync of that user will start soon. */
  #hopeless(channel: ChannelQueue, name: UserName): OutcomeKind | undefined {
    if (channel.isPaused || channel.breaker.gateAt > this.#clock.now()) return 'transient';
    const user = this.#scheduler.users.idOf(name);
    if (user === undefined) return undefined;
    if (channel.records.has(user, flag.quarantined)) return 'operator';
    return channel.records.has(user, flag.paused) ? 'transient' : undefined;
  }

  async claim(signal: AbortSignal): Promise<Claim | undefined> {
    const head = await this.#claimers.next(signal);
    if (head === undefined) return undefined;
    const { hasState, ...claim } = head;
    const running = this.#scheduler.runningClaim(head.id);
    if (!hasState || running === undefined) return { ...claim, state: undefined };
    const state = await this.#journal.readState(running.channel, running.user);
    // A state that is lost or unreadable is no harm: it is a cache.
    return state === undefined ? { ...claim, type: 'full', state } : { ...claim, state };
  }

  #start(now: number): ClaimHead | undefined {
    const head = this.#scheduler.claim(now);
    if (head !== undefined) this.#waiters.syncStarted(head.id, head.channel, head.user);
    return head;
  }

  async complete(claim: Claim, completion: Completion): Promise<void> {
    const running = this.#scheduler.runningClaim(claim.id);
    if (running === undefined) return;
    const { channel, user } = running;
    const finish = this.#scheduler.complete(claim.id, completion, this.#clock.now());
    // The user's record was noted in the same turn as its state: both go into one transaction.
    if (finish?.state !== undefined) this.#journal.noteState(channel, user, finish.state);
    this.#waiters.syncEnded(claim.id, completion.outcome);
    if (finish?.laterWaiters !== undefined)
      this.#waiters.answerUser(claim.channel, claim.user, finish.laterWaiters);
    if (finish?.isHeldBack) this.#waiters.answerChannel(claim.channel, 'transient');
    this.#claimers.serve();
    if (finish !== undefined) await this.#journal.settled(this.#journal.batchOf(channel, user));
  }

  async abandon(claim: Claim): Promise<void> {
    if (this.#scheduler.abandon(claim.id, this.#clock.now()) === undefined) return;
    this.#waiters.syncAbandoned(claim.id, claim.channel, claim.user);
    this.#claimers.serve();
  }

  add(channelName: string, users: readonly UserName[]): Promise<LeftOut> {
    return this.#each(channelName, users, (channel, name, now) => this.#scheduler.add(channel, name, now));
  }

  doubt(channelName: string, users: readonly UserName[]): Promise<LeftOut> {
    return this.#each(channelName, users, (channel, name, now) => this.#scheduler.doubt(channel, name, now));
  }

  async #each<Item>(
    channelName: string,
    items: readonly Item[],
    change: (channel: ChannelQueue, item: Item, now: number) => number,
  ): Promise<LeftOut> {
    const channel = this.#channel(channelName);
    const leftOut: number[] = [];
    let batch = 0;
    for (let start = 0; start < items.length; start += idsPerTurn) {
      const now = this.#clock.now();
      for (const [index, item] of items.slice(start, start + idsPerTurn).entries()) {
        const user = change(channel, item, now);
        if (user === noRoom) leftOut.push(start + index);
        else batch = Math.max(batch, this.#journal.batchOf(channel.index, user));
      }
      if (start + idsPerTurn < items.length) await this.#nextTurn();
    }
    this.#claimers.serve();
    await this.#journal.settled(batch);
    return { leftOut };
  }

  async unknown(channelName: string, users: readonly UserName[]): Promise<readonly UserName[]> {
    const channel = this.#channel(channelName);
    return users.filter((name) => !channel.knows(this.#scheduler.users.idOf(name) ?? -1));
  }

  async respell(channelName: string, signal: AbortSignal): Promise<number> {
    const { format } = this.#scheduler.users;
    if (format === 'as-is') return 0;
    return respellUsers(this, channelName, { format, names: eachName(this.#listing(channelName)), signal });
  }

  async remove(channelName: string, name: UserName): Promise<boolean> {
    const channel = this.#channel(channelName);
    const user = this.#scheduler.users.idOf(name);
    if (user === undefined || !channel.knows(user)) return false;
    this.#journal.noteState(channel.index, user, '');
    this.#scheduler.remove(channel, name);
    this.#waiters.answerUser(channelName, name, 'noreplicate');
    await this.#journal.settled(this.#journal.batchOf(channel.index, user));
    return true;
  }

  async replicate(
    channelName: string,
    mask: string,
    options: { readonly priority: RequestPriority; readonly full: boolean },
  ): Promise<number> {
    const channel = this.#channel(channelName);
    const asked = { priority: priorityCodes[options.priority], full: options.full, byOperator: true };
    const wanted = this.#scheduler.users.maskOf(mask);
    return this.#inTurns(channel, (range) => this.#scheduler.replicate(channel, wanted, asked, range));
  }

  pauseUsers(channelName: string, mask: string): Promise<number> {
    return this.#setUsersPaused(channelName, mask, true);
  }

  resumeUsers(channelName: string, mask: string): Promise<number> {
    return this.#setUsersPaused(channelName, mask, false);
  }

  async #setUsersPaused(channelName: string, mask: string, isPaused: boolean): Promise<number> {
    const channel = this.#channel(channelName);
    const { users } = this.#scheduler;
    const wanted = this.#scheduler.users.maskOf(mask);
    return this.#inTurns(channel, (range) => {
      const found = this.#scheduler.setUsersPaused(channel, wanted, isPaused, range);
      if (isPaused)
        for (const user of found) {
          const name = users.nameOf(user);
          if (name !== undefined) this.#waiters.answerUser(channelName, name, 'transient');
        }
      return found;
    });
  }

  /** Changes users of a channel piece by piece; answers how many, when all of it is durable. */
  async #inTurns(channel: ChannelQueue, change: (range: UserRange) => readonly number[]): Promise<number> {
    let batch = 0;
    let count = 0;
    for (let start = 0; start < this.#scheduler.users.idBound; start += idsPerTurn) {
      if (start > 0) await this.#nextTurn();
      for (const user of change({ start, count: idsPerTurn, now: this.#clock.now() })) {
        batch = Math.max(batch, this.#journal.batchOf(channel.index, user));
        count++;
      }
      this.#claimers.serve();
    }
    await this.#journal.settled(batch);
    return count;
  }

  async pause(channelName: string): Promise<void> {
    await this.#setPaused(this.#channel(channelName), true);
  }

  async resume(channelName: string): Promise<void> {
    await this.#setPaused(this.#channel(channelName), false);
  }

  async #setPaused(channel: ChannelQueue, isPaused: boolean): Promise<void> {
    channel.isPaused = isPaused;
    if (isPaused) this.#waiters.answerChannel(channel.name, 'transient');
    this.#claimers.serve();
    await this.#journal.settled(this.#journal.noteChannels());
  }

  async lagCounts(channelName: string, limitsMs: readonly number[]): Promise<readonly number[]> {
    return this.#channel(channelName).lagCounts(limitsMs, this.#clock.now());
  }

  async channelStatus(channelName: string): Promise<ChannelStatus> {
    return this.#channel(channelName).status(this.#clock.now());
  }

  async *userStatus(channelName: string, mask: string): AsyncIterable<UserStatus> {
    yield* eachUser(this.#listing(channelName), this.#scheduler.users.maskOf(mask));
  }

  async userPage(channelName: string, query: UserQuery): Promise<UserPage> {
    return pageOfUsers(this.#listing(channelName), {
      ...query,
      mask: this.#scheduler.users.maskOf(query.mask),
    });
  }

  #listing(channelName: string): UserListing {
    return {
      channel: this.#channel(channelName),
      users: this.#scheduler.users,
      nextTurn: () => this.#nextTurn(),
    };
  }

  running(): readonly RunningSync[] {
    return this.#scheduler.running();
  }

  async configure(settings: QueueSettings): Promise<void> {
    this.#refuseWhenClosed();
    await this.#refresh(this.#scheduler.configure(settings));
    for (const { name, isConfigured } of this.#scheduler.channels)
      if (!isConfigured) this.#waiters.answerChannel(name, 'noreplicate');
    this.#claimers.serve();
  }

  /** The clock was set back: nobody is to wait for it to be again what it was. */
  #setBack(step: SetBack): void {
    this.#scheduler.setBack(step);
    // It ends early only when the queue is closed meanwhile.
    this.#refresh(this.#scheduler.channels).catch(() => {});
  }

  /** Computes due times anew, in turns; the first one is done at once. */
  async #refresh(channels: readonly ChannelQueue[]): Promise<void> {
    for (const channel of channels)
      for (let start = 0; start < this.#scheduler.users.idBound; start += idsPerTurn) {
        if (start > 0) await this.#nextTurn();
        this.#scheduler.refresh(channel, start, idsPerTurn, this.#clock.now());
      }
    await this.#nextTurn();
    this.#claimers.serve();
  }

  async #nextTurn(): Promise<void> {
    await nextTurn();
    this.#refuseWhenClosed();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#claimers.close();
    this.#waiters.refuseAll(closedError());
    await this.#journal.close();
  }

  #channel(name: string): ChannelQueue {
    this.#refuseWhenClosed();
    return this.#scheduler.channel(name);
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw closedError();
  }
}
