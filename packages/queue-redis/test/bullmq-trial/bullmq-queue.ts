/**
 * A trial, not a part of the product: the queue with BullMQ as its engine. One job per user and channel, with a record
 * (JSON in a hash) beside it. It uses what BullMQ offers: priorities, delays, changing both, locks of active jobs,
 * pause. The results are in the README of this package.
 */
import {
  type ChannelStatus,
  compileMask,
  fitsFilter,
  isUserName,
  noStandings,
  type OutcomeKind,
  outcomeRules,
  priorities,
  priorityCodes,
  type Random,
  type RequestBatch,
  type RequestPriority,
  type RunningSync,
  type Standing,
  type SyncRequest,
  standingOf,
  type UserName,
  type UserStatus,
} from '@dsyncd/core';
import {
  backoffMs,
  type Claim,
  type Completion,
  closedError,
  type LeftOut,
  noSuchChannel,
  type QueueSettings,
  quickRetryMs,
  type ReplicationQueue,
  type RequestResult,
  type UserPage,
  type UserQuery,
} from '@dsyncd/queue';
import type { VirtualClock } from '@dsyncd/queue/contract';
import { type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

interface UserRecord {
  priority: number;
  requestedAt: number;
  wantsFull: boolean;
  doubted: boolean;
  failed: boolean;
  quarantined: boolean;
  paused: boolean;
  failures: number;
  quickRetries: number;
  lastFastSyncAt: number;
  lastFullSyncAt: number;
  lastSuccessAt: number;
  state: string;
  failure?: Completion['failure'];
  dueAt: number;
  /** Came while the user was being synced. */
  more?: { priority: number; requestedAt: number; full: boolean };
}

const freshRecord = (): UserRecord => ({
  ...{ priority: 0, requestedAt: 0, wantsFull: false, doubted: false, failed: false, quarantined: false },
  ...{ paused: false, failures: 0, quickRetries: 0, lastFastSyncAt: 0, lastFullSyncAt: 0, lastSuccessAt: 0 },
  ...{ state: '', dueAt: 0 },
});

/** BullMQ: 1 is the most urgent one, 0 is none. */
const jobPriority = (record: UserRecord): number =>
  record.priority > 0 ? 4 - record.priority : record.doubted || record.lastFullSyncAt === 0 ? 4 : 5;

/** Custom ids may have no colon. */
const jobIdOf = (user: string): string => `u${Buffer.from(user).toString('hex')}`;

const lockMs = 30_000;

export class BullMqQueue implements ReplicationQueue {
  readonly #redis: Redis;
  readonly #queues = new Map<string, Queue>();
  readonly #workers = new Map<string, Worker>();
  readonly #active = new Map<number, { job: Job; claim: Claim; startedAt: number }>();
  readonly #waiters = new Map<string, { afterId: number; settle: (outcome: OutcomeKind) => void }[]>();
  readonly #clock: VirtualClock | { now(): number };
  readonly #random: Random;
  readonly #base: string;
  #settings: QueueSettings;
  #nextId = 1;
  #isClosed = false;

  constructor(options: {
    readonly url: string;
    readonly backend: string;
    readonly clock: { now(): number };
    readonly random: Random;
    readonly settings: QueueSettings;
  }) {
    this.#redis = new Redis(options.url, { maxRetriesPerRequest: null });
    this.#clock = options.clock;
    this.#random = options.random;
    this.#settings = options.settings;
    this.#base = `trial:${options.backend}`;
    for (const channel of options.settings.channels) this.#open(channel);
  }

  #open(channel: string): void {
    const options = { connection: this.#redis, prefix: this.#base };
    this.#queues.set(channel, new Queue(channel, options));
    const worker = new Worker(channel, undefined, {
      ...options,
      autorun: false,
      lockDuration: lockMs,
    });
    this.#workers.set(channel, worker);
  }

  #queue(channel: string): Queue {
    if (this.#isClosed) throw closedError();
    const queue = this.#settings.channels.includes(channel) ? this.#queues.get(channel) : undefined;
    if (queue === undefined) throw noSuchChannel(channel);
    return queue;
  }

  async #read(channel: string, user: string): Promise<UserRecord | undefined> {
    const text = await this.#redis.hget(`${this.#base}:users:${channel}`, user);
    return text === null ? undefined : (JSON.parse(text) as UserRecord);
  }

  async #write(channel: string, user: string, record: UserRecord): Promise<void> {
    await this.#redis.hset(`${this.#base}:users:${channel}`, user, JSON.stringify(record));
  }

  /** Puts the user's job where the record says; not in one step with the record. */
  async #place(channel: string, user: string, record: UserRecord): Promise<void> {
    const queue = this.#queue(channel);
    const id = jobIdOf(user);
    const job = await queue.getJob(id);
    const state = job === undefined ? 'none' : await job.getState();
    if (state === 'active') return;
    if (record.quarantined || record.paused) {
      await job?.remove();
      return;
    }
    const delay = Math.max(0, record.dueAt - this.#clock.now());
    const priority = jobPriority(record);
    if (job === undefined || state === 'unknown') {
      await queue.add(
        'sync',
        { user },
        { jobId: id, priority, delay, removeOnComplete: true, removeOnFail: true },
      );
      return;
    }
    if (job.priority !== priority) await job.changePriority({ priority });
    if (state === 'delayed') {
      if (delay === 0) await job.promote();
      else await job.changeDelay(delay);
    } else if (delay > 0) {
      await job.remove();
      await this.#place(channel, user, record);
    }
  }

  async #ask(
    channel: string,
    user: UserName,
    asked: { priority: number; full: boolean; byOperator: boolean },
  ): Promise<void> {
    const now = this.#clock.now();
    const record = (await this.#read(channel, user)) ?? freshRecord();
    const running = [...this.#active.values()].some(
      ({ claim }) => claim.channel === channel && claim.user === user,
    );
    if (running)
      record.more = {
        priority: Math.max(record.more?.priority ?? 0, asked.priority),
        requestedAt: record.more?.requestedAt ?? now,
        full: (record.more?.full ?? false) || asked.full,
      };
    else {
      record.priority = Math.max(record.priority, asked.priority);
      if (record.requestedAt === 0) record.requestedAt = now;
      record.wantsFull ||= asked.full;
    }
    if (asked.byOperator) {
      record.quarantined = false;
      record.dueAt = 0;
    } else if (!record.failed && record.quickRetries === 0) record.dueAt = 0;
    else if (asked.priority === 3) record.dueAt = Math.min(record.dueAt, record.lastFastSyncAt + 5_000);
    await this.#write(channel, user, record);
    await this.#place(channel, user, record);
  }

  async request(channel: string, requests: readonly SyncRequest[]): Promise<LeftOut> {
    this.#queue(channel);
    await Promise.all(
      requests.map(({ user, priority, full = false, byOperator = false }) =>
        this.#ask(channel, user, { priority: priorityCodes[priority], full, byOperator }),
      ),
    );
    return { leftOut: [] };
  }

  async requestMany({ channels, names, priorities: codes }: RequestBatch): Promise<RequestResult> {
    let refusedCount = 0;
    let firstRefused: string | undefined;
    const highest = new Map<UserName, number>();
    for (const [index, name] of names.entries()) {
      const code = codes[index] ?? 0;
      if (isUserName(name) && code >= 1 && code <= 3)
        highest.set(name, Math.max(code, highest.get(name) ?? 0));
      else {
        refusedCount++;
        firstRefused ??= name;
      }
    }
    for (const channel of channels)
      await Promise.all(
        [...highest].map(([user, priority]) =>
          this.#ask(channel, user, { priority, full: false, byOperator: false }),
        ),
      );
    return { refusedCount, firstRefused, leftOut: [] };
  }

  async waitForSync(channel: string, user: UserName, signal: AbortSignal): Promise<OutcomeKind> {
    this.#queue(channel);
    const record = await this.#read(channel, user);
    if (record?.quarantined) return 'operator';
    if (record?.paused) return 'transient';
    return new Promise((settle, reject) => {
      const list = this.#waiters.get(`${channel} ${user}`) ?? [];
      list.push({ afterId: this.#nextId - 1, settle });
      this.#waiters.set(`${channel} ${user}`, list);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  async claim(signal: AbortSignal): Promise<Claim | undefined> {
    do {
      for (const channel of this.#settings.channels) {
        const claim = await this.#claimOn(channel);
        if (claim !== undefined) return claim;
      }
      if (signal.aborted) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
    } while (!signal.aborted && !this.#isClosed);
    return undefined;
  }

  async #claimOn(channel: string): Promise<Claim | undefined> {
    const worker = this.#workers.get(channel);
    const id = this.#nextId++;
    const job = await worker?.getNextJob(`token-${id}`, { block: false });
    if (job === undefined) return undefined;
    const { user } = job.data as { user: UserName };
    const lock = await this.#redis.set(`${this.#base}:busy:${user}`, `${id}`, 'PX', lockMs, 'NX');
    const now = this.#clock.now();
    if (lock === null) {
      // No groups in the open BullMQ: back it goes, and somebody has to look again.
      await job.moveToDelayed(now + 1_000, `token-${id}`).catch(() => {});
      return undefined;
    }
    const record = (await this.#read(channel, user)) ?? freshRecord();
    const isFull =
      record.wantsFull ||
      record.lastFullSyncAt === 0 ||
      now - record.lastFullSyncAt >= this.#settings.fullSyncIntervalMs;
    const claim: Claim = {
      ...{ id, channel, user },
      type: isFull ? 'full' : record.state === '' ? 'normal' : 'incremental',
      priority: priorities[record.priority] ?? 'none',
      state: isFull || record.state === '' ? undefined : record.state,
      requestedAt: record.requestedAt || undefined,
      lastFullSyncAt: record.lastFullSyncAt || undefined,
    };
    this.#active.set(id, { job, claim, startedAt: now });
    return claim;
  }

  async complete(claim: Claim, completion: Completion): Promise<void> {
    const active = this.#active.get(claim.id);
    if (active === undefined) return;
    const { channel, user } = claim;
    const record = (await this.#read(channel, user)) ?? freshRecord();
    const now = this.#clock.now();
    const rule = outcomeRules[completion.outcome];
    record.lastFastSyncAt = active.startedAt;
    if (rule.keepsState && completion.state !== undefined) record.state = completion.state;
    if (completion.state === '') record.state = '';
    record.failed = rule.isFailure;
    record.failure = rule.isFailure ? completion.failure : undefined;
    record.failures = rule.isFailure ? record.failures + 1 : 0;
    if (completion.outcome === 'ok') {
      record.lastSuccessAt = now;
      record.doubted = false;
      if (completion.full) {
        record.lastFullSyncAt = active.startedAt;
        record.wantsFull = false;
      }
    }
    if (rule.next === 'full-sync-interval') {
      record.quickRetries = 0;
      record.priority = record.more?.priority ?? 0;
      record.requestedAt = record.more?.requestedAt ?? 0;
      record.wantsFull ||= record.more?.full ?? false;
      record.dueAt =
        record.more === undefined ? record.lastFullSyncAt + this.#settings.fullSyncIntervalMs : 0;
    } else if (rule.next === 'soon') record.dueAt = now + quickRetryMs(++record.quickRetries);
    else if (rule.next === 'backoff')
      record.dueAt = now + backoffMs(record.failures, this.#settings.failureResyncIntervalMs, this.#random);
    else if (rule.next === 'quarantine') record.quarantined = true;
    const isForgotten = rule.next === 'forget' && record.more === undefined;
    record.more = undefined;
    // Three steps that a crash may come between.
    if (isForgotten) await this.#redis.hdel(`${this.#base}:users:${channel}`, user);
    else await this.#write(channel, user, record);
    this.#active.delete(claim.id);
    await active.job.moveToCompleted(undefined, `token-${claim.id}`, false).catch(() => {});
    await this.#redis.del(`${this.#base}:busy:${user}`);
    if (!isForgotten) await this.#place(channel, user, record);
    const list = this.#waiters.get(`${channel} ${user}`) ?? [];
    for (const waiter of list) if (waiter.afterId < claim.id) waiter.settle(completion.outcome);
    this.#waiters.set(
      `${channel} ${user}`,
      list.filter((waiter) => waiter.afterId >= claim.id),
    );
  }

  async abandon(claim: Claim): Promise<void> {
    const active = this.#active.get(claim.id);
    if (active === undefined) return;
    this.#active.delete(claim.id);
    await active.job.moveToCompleted(undefined, `token-${claim.id}`, false).catch(() => {});
    await this.#redis.del(`${this.#base}:busy:${claim.user}`);
    const record = await this.#read(claim.channel, claim.user);
    if (record !== undefined) await this.#place(claim.channel, claim.user, record);
  }

  async add(channel: string, users: readonly UserName[]): Promise<LeftOut> {
    await this.#know(channel, users, false);
    return { leftOut: [] };
  }

  async doubt(channel: string, users: readonly UserName[]): Promise<LeftOut> {
    await this.#know(channel, users, true);
    return { leftOut: [] };
  }

  async #know(channel: string, users: readonly UserName[], doubted: boolean): Promise<void> {
    this.#queue(channel);
    for (const user of users) {
      const record = (await this.#read(channel, user)) ?? freshRecord();
      record.doubted ||= doubted;
      if (doubted) record.dueAt = 0;
      await this.#write(channel, user, record);
      await this.#place(channel, user, record);
    }
  }

  async unknown(channel: string, users: readonly UserName[]): Promise<readonly UserName[]> {
    const records = await Promise.all(users.map((user) => this.#read(channel, user)));
    return users.filter((_, index) => records[index] === undefined);
  }

  async respell(): Promise<number> {
    return 0;
  }

  async remove(channel: string, user: UserName): Promise<boolean> {
    const queue = this.#queue(channel);
    const known = await this.#redis.hdel(`${this.#base}:users:${channel}`, user);
    await queue.remove(jobIdOf(user)).catch(() => 0);
    return known === 1;
  }

  async replicate(
    channel: string,
    mask: string,
    { priority, full }: { readonly priority: RequestPriority; readonly full: boolean },
  ): Promise<number> {
    let count = 0;
    for await (const { user } of this.userStatus(channel, mask)) {
      count++;
      await this.#ask(channel, user, { priority: priorityCodes[priority], full, byOperator: true });
    }
    return count;
  }

  async pause(channel: string): Promise<void> {
    await this.#queue(channel).pause();
  }

  async resume(channel: string): Promise<void> {
    await this.#queue(channel).resume();
  }

  pauseUsers(channel: string, mask: string): Promise<number> {
    return this.#setPaused(channel, mask, true);
  }

  resumeUsers(channel: string, mask: string): Promise<number> {
    return this.#setPaused(channel, mask, false);
  }

  async #setPaused(channel: string, mask: string, paused: boolean): Promise<number> {
    let count = 0;
    for await (const { user } of this.userStatus(channel, mask)) {
      const record = await this.#read(channel, user);
      if (record === undefined) continue;
      count++;
      record.paused = paused;
      await this.#write(channel, user, record);
      await this.#place(channel, user, record);
    }
    return count;
  }

  /** BullMQ counts jobs by their own states alone: how users stand is known by walking over all of them. */
  async channelStatus(channel: string): Promise<ChannelStatus> {
    const queue = this.#queue(channel);
    const byPriority = await queue.getCountsPerPriority([1, 2, 3]);
    const counts: Record<Standing, number> = { ...noStandings };
    const sums = { users: 0, failed: 0, quarantined: 0, paused: 0, due: 0, oldest: Number.POSITIVE_INFINITY };
    const now = this.#clock.now();
    for await (const status of this.userStatus(channel, '*')) {
      sums.users++;
      counts[status.standing]++;
      if (status.failed) sums.failed++;
      if (status.quarantined) sums.quarantined++;
      else if (status.paused) sums.paused++;
      if ((status.nextSyncAt ?? now + 1) <= now && status.priority === 'none') sums.due++;
      sums.oldest = Math.min(sums.oldest, status.requestedAt ?? Number.POSITIVE_INFINITY);
    }
    return {
      channel,
      queuedSync: byPriority['1'] ?? 0,
      queuedHigh: byPriority['2'] ?? 0,
      queuedLow: byPriority['3'] ?? 0,
      queuedFailed: sums.failed,
      queuedFullResync: sums.due,
      quarantined: sums.quarantined,
      pausedUsers: sums.paused,
      running: [...this.#active.values()].filter(({ claim }) => claim.channel === channel).length,
      users: sums.users,
      standings: counts,
      paused: await queue.isPaused(),
      oldestRequestAt: Number.isFinite(sums.oldest) ? sums.oldest : undefined,
      breaker: { state: 'closed', consecutiveFailures: 0, retryAt: undefined, lastReason: undefined },
    };
  }

  async lagCounts(channel: string, limitsMs: readonly number[]): Promise<readonly number[]> {
    const counts = limitsMs.map(() => 0);
    const now = this.#clock.now();
    for await (const { requestedAt } of this.userStatus(channel, '*'))
      for (const [index, limit] of limitsMs.entries())
        if (requestedAt !== undefined && now - requestedAt > limit) counts[index] = (counts[index] ?? 0) + 1;
    return counts;
  }

  async *userStatus(channel: string, mask: string): AsyncIterable<UserStatus> {
    this.#queue(channel);
    const isWanted = compileMask(mask);
    const all = await this.#redis.hgetall(`${this.#base}:users:${channel}`);
    for (const [user, text] of Object.entries(all))
      if (isWanted(user)) yield this.#statusOf(channel, user as UserName, JSON.parse(text) as UserRecord);
  }

  #statusOf(channel: string, user: UserName, record: UserRecord): UserStatus {
    const running = [...this.#active.values()].some(
      ({ claim }) => claim.channel === channel && claim.user === user,
    );
    return {
      user,
      priority: priorities[running ? (record.more?.priority ?? 0) : record.priority] ?? 'none',
      lastFastSyncAt: record.lastFastSyncAt || undefined,
      lastFullSyncAt: record.lastFullSyncAt || undefined,
      lastSuccessAt: record.lastSuccessAt || undefined,
      failed: record.failed,
      quarantined: record.quarantined,
      paused: record.paused,
      failure: record.failure,
      failuresInRow: record.failures,
      nextSyncAt: record.quarantined || record.paused ? undefined : record.dueAt || this.#clock.now(),
      requestedAt: record.requestedAt || undefined,
      running,
      standing: standingOf({
        requestedAt: record.requestedAt || undefined,
        failed: record.failed,
        quarantined: record.quarantined,
        paused: record.paused,
        doubted: record.doubted,
        fullSynced: record.lastFullSyncAt > 0,
        quickRetriesInRow: record.quickRetries,
        unproven: false,
      }),
      quickRetriesInRow: record.quickRetries,
    };
  }

  async userPage(channel: string, { mask, only, cursor, limit }: UserQuery): Promise<UserPage> {
    const all: UserStatus[] = [];
    for await (const status of this.userStatus(channel, mask))
      if (only === undefined || fitsFilter(status, only)) all.push(status);
    const start = Number(cursor ?? 0);
    const users = all.slice(start, start + limit);
    return { users, next: start + limit < all.length ? String(start + limit) : undefined };
  }

  running(): readonly RunningSync[] {
    return [...this.#active.values()].map(({ claim, startedAt }) => ({
      ...{ channel: claim.channel, user: claim.user, type: claim.type, priority: claim.priority, startedAt },
    }));
  }

  async configure(settings: QueueSettings): Promise<void> {
    this.#settings = settings;
    for (const channel of settings.channels) if (!this.#queues.has(channel)) this.#open(channel);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const worker of this.#workers.values()) await worker.close(true);
    for (const queue of this.#queues.values()) await queue.close();
    this.#redis.disconnect();
  }
}
