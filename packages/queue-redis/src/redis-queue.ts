import {
  type ChannelStatus,
  compileMask,
  hasWildcard,
  isUserName,
  type OutcomeKind,
  priorities,
  priorityCodes,
  type RequestBatch,
  type RequestPriority,
  type RunningSync,
  type SyncRequest,
  type UserName,
  type UserStatus,
} from '@dsyncd/core';
import {
  type Claim,
  type Completion,
  closedError,
  type LeftOut,
  noSuchChannel,
  type QueueSettings,
  type ReplicationQueue,
  type RequestResult,
  type UserPage,
  type UserQuery,
} from '@dsyncd/queue';
import { redisLimits } from './options.ts';
import type { RedisReplicator } from './redis-replicator.ts';
import type { ScriptRunner } from './script-runner.ts';
import {
  channelStatus,
  eachUser,
  namesInPieces,
  type PageStart,
  type Piece,
  pageOfUsers,
  parseStatus,
  type UserRow,
  userStatus,
} from './user-status.ts';

/** name, priority, full, by operator */
type Row = readonly [string, number, number, number];

/** The ReplicationQueue on Redis: every change is a script, and whatever waits is woken. */
export class RedisQueue implements ReplicationQueue {
  readonly #replicator: RedisReplicator;
  #isClosed = false;

  constructor(replicator: RedisReplicator) {
    this.#replicator = replicator;
  }

  async request(channel: string, requests: readonly SyncRequest[]): Promise<LeftOut> {
    this.#check(channel);
    const rows = requests.map(({ user, priority, full, byOperator }): Row => {
      return [user, priorityCodes[priority], full === true ? 1 : 0, byOperator === true ? 1 : 0];
    });
    const names = requests.map(({ user }) => user);
    return positionsOf(names, await this.#merge([channel], rows));
  }

  async requestMany({ channels, names, priorities: levels }: RequestBatch): Promise<RequestResult> {
    for (const channel of channels) this.#check(channel);
    const highest = new Map<string, number>();
    let refusedCount = 0;
    let firstRefused: string | undefined;
    for (const [index, name] of names.entries()) {
      const level = levels[index] ?? 0;
      if (level >= 1 && level < priorities.length && isUserName(name))
        highest.set(name, Math.max(level, highest.get(name) ?? 0));
      else {
        refusedCount++;
        firstRefused ??= name;
      }
    }
    const leftOut = await this.#merge(
      channels,
      Array.from(highest, ([name, level]): Row => [name, level, 0, 0]),
    );
    return { refusedCount, firstRefused, ...positionsOf(names, leftOut) };
  }

  /** Answers the names for whom there was no room. */
  async #merge(onto: readonly string[], rows: readonly Row[]): Promise<ReadonlySet<string>> {
    const { scripts, claims, usersMax } = this.#replicator;
    const pieces: ReturnType<ScriptRunner['countAndNames']>[] = [];
    for (let start = 0; start < rows.length; start += redisLimits.rowsPerScript) {
      const piece = rows.slice(start, start + redisLimits.rowsPerScript);
      pieces.push(scripts.countAndNames('request', claims.input({ onto, rows: piece, usersMax })));
    }
    const answers = await Promise.all(pieces);
    this.#replicator.wake(answers.reduce((sum, { count }) => sum + count, 0));
    return new Set(answers.flatMap((answer) => answer.names));
  }

  async waitForSync(channel: string, user: UserName, signal: AbortSignal): Promise<OutcomeKind> {
    this.#check(channel);
    const { scripts, claims, waiters } = this.#replicator;
    const input = (waiter: string): object => claims.input({ channel, user, waiter });
    return waiters.wait(
      channel,
      signal,
      async (name) => ((await scripts.run('wait', input(name))) as OutcomeKind | null) ?? undefined,
      // It does no harm there, and goes with the next sync.
      (name) => void scripts.run('unwait', input(name)).catch(() => {}),
    );
  }

  async claim(signal: AbortSignal): Promise<Claim | undefined> {
    return this.#isClosed ? undefined : this.#replicator.idle.next(signal);
  }

  async complete(claim: Claim, completion: Completion): Promise<void> {
    const ready = await this.#replicator.claims.complete(claim, completion);
    if (ready !== undefined) this.#replicator.wake(ready);
  }

  async abandon(claim: Claim): Promise<void> {
    this.#replicator.wake(await this.#replicator.claims.abandon(claim));
  }

  add(channel: string, users: readonly UserName[]): Promise<LeftOut> {
    return this.#add(channel, users, false);
  }

  doubt(channel: string, users: readonly UserName[]): Promise<LeftOut> {
    return this.#add(channel, users, true);
  }

  async #add(channel: string, users: readonly UserName[], doubted: boolean): Promise<LeftOut> {
    this.#check(channel);
    const { scripts, claims, usersMax } = this.#replicator;
    const leftOut = new Set<string>();
    for (let start = 0; start < users.length; start += redisLimits.rowsPerScript) {
      const names = users.slice(start, start + redisLimits.rowsPerScript);
      const due = await scripts.countAndNames('add', claims.input({ channel, names, doubted, usersMax }));
      for (const name of due.names) leftOut.add(name);
      this.#refuseWhenClosed();
      this.#replicator.wake(due.count);
    }
    return positionsOf(users, leftOut);
  }

  async unknown(channel: string, users: readonly UserName[]): Promise<readonly UserName[]> {
    this.#check(channel);
    const { scripts, claims } = this.#replicator;
    const known = new Set<string>();
    for (let start = 0; start < users.length; start += redisLimits.rowsPerScript) {
      const names = users.slice(start, start + redisLimits.rowsPerScript);
      const found = await scripts.run('page', claims.input({ channel, names, keysOnly: true }));
      this.#refuseWhenClosed();
      for (const name of (found as [string, string[]])[1]) known.add(name);
    }
    return users.filter((user) => !known.has(user));
  }

  /** Names are taken as they come: see {@link withOneSpelling}. */
  async respell(): Promise<number> {
    return 0;
  }

  async remove(channel: string, user: UserName): Promise<boolean> {
    this.#check(channel);
    const { scripts, claims } = this.#replicator;
    return (await scripts.count('remove', claims.input({ channel, user }))) === 1;
  }

  async replicate(
    channel: string,
    mask: string,
    { priority, full }: { readonly priority: RequestPriority; readonly full: boolean },
  ): Promise<number> {
    this.#check(channel);
    const level = priorityCodes[priority];
    let count = 0;
    for await (const names of this.#names(channel, mask)) {
      count += names.length;
      await this.#merge(
        [channel],
        names.map((name): Row => [name, level, Number(full), 1]),
      );
    }
    return count;
  }

  /** Everyone whom the channel knows. */
  async *names(channel: string): AsyncIterable<UserName> {
    for await (const names of this.#names(channel, '*')) yield* names as readonly UserName[];
  }

  #names(channel: string, mask: string): AsyncIterable<readonly string[]> {
    const { scripts, claims } = this.#replicator;
    const query = hasWildcard(mask) ? {} : { names: [mask] };
    return namesInPieces(mask, async (cursor) => {
      const input = claims.input({
        channel,
        cursor,
        count: redisLimits.usersPerScan,
        keysOnly: true,
        ...query,
      });
      const piece = (await scripts.run('page', input)) as [string, string[]];
      this.#refuseWhenClosed();
      return piece;
    });
  }

  async channelStatus(channel: string): Promise<ChannelStatus> {
    this.#check(channel);
    const { scripts, claims } = this.#replicator;
    for (;;) {
      const raw = parseStatus(await scripts.run('status', claims.input({ channel })));
      if (!raw.more) return channelStatus(channel, raw);
      this.#refuseWhenClosed();
    }
  }

  async lagCounts(channel: string, limitsMs: readonly number[]): Promise<readonly number[]> {
    this.#check(channel);
    if (limitsMs.length === 0) return [];
    const { scripts, claims } = this.#replicator;
    return (await scripts.run('lag', claims.input({ channel, limits: limitsMs }))) as number[];
  }

  async *userStatus(channel: string, mask: string): AsyncIterable<UserStatus> {
    this.#check(channel);
    yield* eachUser((start) => this.#scan(channel, mask, start));
  }

  async userPage(channel: string, { mask, ...query }: UserQuery): Promise<UserPage> {
    this.#check(channel);
    return pageOfUsers((start) => this.#scan(channel, mask, start), query);
  }

  /** One piece of the users; `skip` counts among those that the mask matches. */
  async #scan(channel: string, mask: string, { scan, skip }: PageStart): Promise<Piece> {
    const { scripts, claims, settings } = this.#replicator;
    const query = hasWildcard(mask) ? {} : { names: [mask] };
    const input = claims.input({ channel, cursor: scan, count: redisLimits.usersPerScan, ...query });
    const [next, rows] = (await scripts.run('page', input)) as [string, UserRow[]];
    this.#refuseWhenClosed();
    const isWanted = compileMask(mask);
    const wanted = rows.filter(([name]) => isWanted(name)).slice(skip);
    return { statuses: wanted.map((row) => userStatus(row, settings.fullSyncIntervalMs)), next };
  }

  running(): readonly RunningSync[] {
    return this.#replicator.claims.running();
  }

  pause(channel: string): Promise<void> {
    return this.#setPaused(channel, true);
  }

  resume(channel: string): Promise<void> {
    return this.#setPaused(channel, false);
  }

  pauseUsers(channel: string, mask: string): Promise<number> {
    return this.#setUsersPaused(channel, mask, true);
  }

  resumeUsers(channel: string, mask: string): Promise<number> {
    return this.#setUsersPaused(channel, mask, false);
  }

  async #setUsersPaused(channel: string, mask: string, paused: boolean): Promise<number> {
    this.#check(channel);
    const { scripts, claims } = this.#replicator;
    let count = 0;
    for await (const names of this.#names(channel, mask)) {
      count += names.length;
      this.#replicator.wake(await scripts.count('pauseUsers', claims.input({ channel, names, paused })));
    }
    return count;
  }

  async #setPaused(channel: string, paused: boolean): Promise<void> {
    this.#check(channel);
    const { scripts, claims } = this.#replicator;
    await scripts.run('pause', claims.input({ channel, paused }));
    this.#replicator.wake(paused ? 0 : Number.POSITIVE_INFINITY);
  }

  async configure(settings: QueueSettings): Promise<void> {
    this.#refuseWhenClosed();
    const hasNewInterval = settings.fullSyncIntervalMs !== this.#replicator.settings.fullSyncIntervalMs;
    for (const channel of this.#replicator.settings.channels)
      if (!settings.channels.includes(channel))
        this.#replicator.waiters.answerChannel(channel, 'noreplicate');
    this.#replicator.settings = settings;
    if (hasNewInterval) await this.#replicator.refresh();
    this.#replicator.wake(Number.POSITIVE_INFINITY);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#replicator.close(closedError());
  }

  /** @throws {DsyncdError} `DSYNCD_QUEUE_CHANNEL`, `DSYNCD_QUEUE_CLOSED` */
  #check(channel: string): void {
    this.#refuseWhenClosed();
    if (this.#replicator.settings.channels.includes(channel)) return;
    throw noSuchChannel(channel);
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw closedError();
  }
}

const positionsOf = (names: readonly string[], leftOut: ReadonlySet<string>): LeftOut => ({
  leftOut: leftOut.size > 0 ? [...names.keys()].filter((at) => leftOut.has(names[at] ?? '')) : [],
});
