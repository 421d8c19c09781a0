import {
  compileMask,
  fail,
  isUserName,
  priorities,
  type Random,
  type RunningSync,
  type UserName,
} from '@dsyncd/core';
import type { SetBack } from '../clock-watch.ts';
import { noRoomForChannel, noSuchChannel } from '../errors.ts';
import type { Completion, QueueSettings } from '../port.ts';
import { ChannelQueue } from './channel-queue.ts';
import { channelsWithRoom, healthiestFor, soonest } from './fair-share.ts';
import { finishSync } from './finish-sync.ts';
import {
  type ClaimHead,
  type CodedRequest,
  type Finish,
  headOf,
  type RunningClaim,
  setClaimBack,
} from './running-claim.ts';
import { timing } from './timing.ts';
import { readRow } from './user-records.ts';
import { noRoom, UserTable } from './user-table.ts';

export const schedulerLimits = { channelsMax: 64, usersMax: 10_000_000, channelNameCharsMax: 255 } as const;

/** What is kept of a channel beside its users. */
export interface StoredChannel {
  readonly name: string;
  readonly isPaused: boolean;
}

export interface SchedulerOptions {
  readonly random: Random;
  readonly settings: QueueSettings;
  /** Channels by index, as they were stored; others follow. */
  readonly channels?: readonly StoredChannel[];
  readonly usersMax?: number;
  /** A record has changed so that a crash must not undo it. */
  readonly onChange: (channel: number, user: number) => void;
  /** A user got or lost its id. */
  readonly onUserChange: (user: number) => void;
}

/** A piece of all users, so that work over a mask can be done in turns. */
export type UserRange = Readonly<Record<'start' | 'count' | 'now', number>>;

/**
 * The scheduling model: which user is synced next, on which channel. No I/O; each call gets the time.
 *
 * Users and channels are small numbers here. All operations are O(log n), except those over a mask.
 */
export class Scheduler {
  readonly users: UserTable;
  readonly #channels: ChannelQueue[] = [];
  readonly #byName = new Map<string, ChannelQueue>();
  readonly #claims = new Map<number, RunningClaim>();
  readonly #random: Random;
  readonly #onChange: SchedulerOptions['onChange'];
  #settings: QueueSettings;
  #nextClaimId = 1;

  constructor(options: SchedulerOptions) {
    this.#random = options.random;
    this.#onChange = options.onChange;
    this.#settings = options.settings;
    this.users = new UserTable({
      usersMax: options.usersMax ?? schedulerLimits.usersMax,
      random: options.random,
      format: options.settings.usernameFormat ?? 'as-is',
      onChange: options.onUserChange,
    });
    for (const { name, isPaused } of options.channels ?? []) this.obtainChannel(name).isPaused = isPaused;
    this.configure(options.settings);
  }

  get channels(): readonly ChannelQueue[] {
    return this.#channels;
  }

  /**
   * A channel of the present configuration.
   * @throws {DsyncdError} `DSYNCD_QUEUE_CHANNEL` when there is none of that name.
   */
  channel(name: string): ChannelQueue {
    const channel = this.#byName.get(name);
    if (channel?.isConfigured) return channel;
    throw noSuchChannel(name);
  }

  /**
   * Channels that are no longer named keep their users, but nothing is synced on them. Answers the
   * channels whose users' due times are to be computed anew with {@link refresh}.
   */
  configure(settings: QueueSettings): readonly ChannelQueue[] {
    this.#settings = settings;
    for (const channel of this.#channels) channel.isConfigured = false;
    for (const name of settings.channels) this.obtainChannel(name).isConfigured = true;
    const stale: ChannelQueue[] = [];
    for (const channel of this.#channels) {
      const { fullSyncIntervalMs, failureResyncIntervalMs } = settings;
      if (channel.timing.fullSyncIntervalMs !== fullSyncIntervalMs) stale.push(channel);
      channel.timing = { fullSyncIntervalMs, failureResyncIntervalMs };
    }
    return stale;
  }

  /** Computes due times anew for users from `start`, `count` of them. */
  refresh(channel: ChannelQueue, start: number, count: number, now: number): void {
    const end = Math.min(start + count, this.users.idBound);
    for (let user = start; user < end; user++) if (channel.knows(user)) channel.place(user, now);
  }

  /** The clock was set back; afterwards due times are to be computed anew with {@link refresh}. */
  setBack(step: SetBack): void {
    for (const channel of this.#channels) {
      channel.records.setBack(step);
      channel.breaker.setBack(step.byMs);
    }
    for (const claim of this.#claims.values()) setClaimBack(claim, step);
  }

  /** The channel of that name, made when it is new. */
  obtainChannel(name: string): ChannelQueue {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (
      this.#channels.length >= schedulerLimits.channelsMax ||
      name.length > schedulerLimits.channelNameCharsMax
    )
      throw noRoomForChannel(name, schedulerLimits);
    const channel = new ChannelQueue(name, this.#channels.length, this.users, this.#random, this.#settings);
    this.#channels.push(channel);
    this.#byName.set(name, channel);
    return channel;
  }

  reserve(userCount: number): void {
    this.users.reserve(userCount);
    for (const channel of this.#channels) channel.reserve(userCount);
  }

  request(channel: ChannelQueue, name: UserName, asked: CodedRequest, now: number): number {
    return this.#known(channel, name, (user) => channel.request(user, asked, now));
  }

  /** @param change - true when it changed the user's record */
  #known(channel: ChannelQueue, name: UserName, change: (user: number) => boolean): number {
    const user = this.users.obtain(name);
    if (user !== noRoom && change(user)) this.#onChange(channel.index, user);
    return user;
  }

  /**
   * A line of a notification listener for several channels: as {@link request}, made for millions a
   * second. Answers the user, -1 when name or priority is none, or {@link noRoom}.
   */
  notify(channels: readonly ChannelQueue[], name: string, priority: number, now: number): number {
    let user = this.users.idOf(name);
    if (priority < 1 || priority >= priorities.length) return -1;
    if (user === undefined) {
      if (!isUserName(name)) return -1;
      user = this.users.obtain(name);
      if (user === noRoom) return user;
    }
    for (const channel of channels) {
      if (channel.isCovered(user, priority)) continue;
      if (channel.request(user, { priority, full: false, byOperator: false }, now))
        this.#onChange(channel.index, user);
    }
    return user;
  }

  /** Answers the user, or {@link noRoom}, as {@link request} does. */
  add(channel: ChannelQueue, name: UserName, now: number): number {
    return this.#known(channel, name, (user) => channel.add(user, now));
  }

  /** Whether the user is replicated is not known: it is synced soon, though nobody asked. Answers as {@link add}. */
  doubt(channel: ChannelQueue, name: UserName, now: number): number {
    return this.#known(channel, name, (user) => channel.doubt(user, now));
  }

  /** Answers the id that the user had, or undefined when it was not known. */
  remove(channel: ChannelQueue, name: string): number | undefined {
    const user = this.users.idOf(name);
    if (user === undefined || !channel.knows(user)) return undefined;
    const running = this.users.runningOf(user);
    if (running?.channel === channel.index) running.isStale = true;
    channel.forget(user);
    this.#onChange(channel.index, user);
    this.users.release(user);
    return user;
  }

  /** As {@link request} for known users of the range; answers those that the mask matches. */
  replicate(channel: ChannelQueue, mask: string, asked: CodedRequest, range: UserRange): readonly number[] {
    return this.#change(channel, mask, range, (user) => channel.request(user, asked, range.now));
  }

  /** Stops known users of the range, or lets them go on; answers those that the mask matches. */
  setUsersPaused(
    channel: ChannelQueue,
    mask: string,
    isPaused: boolean,
    range: UserRange,
  ): readonly number[] {
    return this.#change(channel, mask, range, (user) => channel.setPaused(user, isPaused, range.now));
  }

  /** @param change - true when it changed the user's record */
  #change(
    channel: ChannelQueue,
    mask: string,
    range: UserRange,
    change: (user: number) => boolean,
  ): readonly number[] {
    const isWanted = compileMask(mask);
    const end = Math.min(range.start + range.count, this.users.idBound);
    const found: number[] = [];
    for (let user = range.start; user < end; user++) {
      if (!channel.knows(user) || !isWanted(this.users.nameOf(user) ?? '')) continue;
      if (change(user)) this.#onChange(channel.index, user);
      found.push(user);
    }
    return found;
  }

  /** The next due sync over all channels, now running. */
  claim(now: number): ClaimHead | undefined {
    const open = this.#open();
    const asked = soonest(open.map((channel) => channel.firstAsked(now)));
    if (asked !== undefined) return this.#start(healthiestFor(asked, open, now), asked.user, now);
    const quiet = this.#isQuietFull ? undefined : soonest(open.map((channel) => channel.firstQuiet(now)));
    return quiet === undefined ? undefined : this.#start(quiet.channel, quiet.user, now);
  }

  #open(): readonly ChannelQueue[] {
    return channelsWithRoom(this.#channels, this.#claims, this.#settings.channelSyncsMax);
  }

  /** Do as many syncs run that nobody asked for as may? */
  get #isQuietFull(): boolean {
    let running = 0;
    for (const { priority } of this.#claims.values()) if (priority === 0) running++;
    return running >= (this.#settings.quietSyncsMax ?? Number.POSITIVE_INFINITY);
  }

  #start(channel: ChannelQueue, user: number, now: number): ClaimHead {
    const name = this.users.nameOf(user) ?? fail('a user without a name is due');
    const { records } = channel;
    const type = channel.syncType(user, now);
    // A full sync covers what those before it could not prove, too.
    const coveredSince = type === 'full' ? records.behindSince(user) : (records.requestedAt[user] as number);
    const claim: RunningClaim = {
      claimId: this.#nextClaimId++,
      channel: channel.index,
      user,
      type,
      hasState: type === 'incremental',
      priority: records.priority[user] as number,
      requestedAt: coveredSince,
      startedAt: now,
      isProbe: channel.breaker.started(),
      isStale: false,
      isDoubtedAgain: false,
      more: undefined,
    };
    this.users.start(user, claim);
    this.#claims.set(claim.claimId, claim);
    for (const each of this.#channels) if (each.knows(user)) each.place(user, now);
    return headOf(claim, { channel: channel.name, user: name, lastFullSyncAt: channel.lastFullSyncAt(user) });
  }

  runningClaim(claimId: number): RunningClaim | undefined {
    return this.#claims.get(claimId);
  }

  /** Applies the outcome and frees the user; undefined when the claim is unknown or its user was removed. */
  complete(claimId: number, completion: Completion, now: number): Finish | undefined {
    const claim = this.#free(claimId);
    if (claim === undefined) return undefined;
    const channel = this.#channelOf(claim);
    let finish: Finish | undefined;
    if (claim.isStale) channel.breaker.undecided(claim.isProbe, now);
    else {
      finish = finishSync({ channel, claim, completion, now, random: this.#random });
      this.#onChange(channel.index, claim.user);
    }
    this.#settle(claim.user, now);
    return finish;
  }

  /** Frees the user as if the claim had not been. */
  abandon(claimId: number, now: number): RunningClaim | undefined {
    const claim = this.#free(claimId);
    if (claim === undefined) return undefined;
    this.#channelOf(claim).breaker.undecided(claim.isProbe, now);
    this.#settle(claim.user, now);
    return claim;
  }

  #channelOf(claim: RunningClaim): ChannelQueue {
    return this.#channels[claim.channel] ?? fail('a claim of a channel that never was');
  }

  #free(claimId: number): RunningClaim | undefined {
    const claim = this.#claims.get(claimId);
    if (claim === undefined) return undefined;
    this.#claims.delete(claimId);
    this.users.stop(claim.user);
    return claim;
  }

  #settle(user: number, now: number): void {
    for (const channel of this.#channels) if (channel.knows(user)) channel.place(user, now);
    this.users.release(user);
  }

  /** When {@link claim} may have something, if nothing happens before; Infinity when never. */
  wakeAt(now: number): number {
    const isQuietFull = this.#isQuietFull;
    let at = Number.POSITIVE_INFINITY;
    for (const channel of this.#open()) at = Math.min(at, channel.wakeAt(now, isQuietFull));
    return at;
  }

  running(): readonly RunningSync[] {
    return [...this.#claims.values()].map((claim) => ({
      channel: this.#channelOf(claim).name,
      user: this.users.nameOf(claim.user) ?? fail('a running user without a name'),
      type: claim.type,
      priority: priorities[claim.priority] ?? 'none',
      startedAt: claim.startedAt,
    }));
  }

  /** Puts a record of the disk back; false when its user is not there. */
  restore(channel: ChannelQueue, user: number, row: Float64Array, offset: number, now: number): boolean {
    if (this.users.nameOf(user) === undefined || channel.knows(user)) return false;
    const delayMsMax = Math.max(this.#settings.failureResyncIntervalMs, timing.quickRetryMaxMs);
    readRow(channel.records, user, row, offset, { now, delayMsMax });
    channel.adopt(user, now);
    return true;
  }
}
