import {
  type ChannelStatus,
  compileMask,
  DsyncdError,
  type Logger,
  messageOf,
  parseUserName,
  priorities,
  quote,
  type RequestPriority,
  type RunningSync,
  type UserName,
  type UserStatus,
} from '@dsyncd/core';
import {
  type ConsumerReport,
  decodeExtensionCommand,
  type ExtensionCommand,
  encodeChannelReport,
  encodeConsumerReport,
  encodeHostProblem,
  encodeSyncReport,
  encodeUserReport,
  type HostProblem,
} from '@dsyncd/protocol';
import { type ReplicationQueue, requireRoom } from '@dsyncd/queue';
import type { Channel } from './channel.ts';
import type { RunningProgress } from './running-progress.ts';

export interface DoveadmServiceOptions {
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly Channel[];
  /** Users of the mail store, for `add MASK`. */
  readonly users: (mask: string) => AsyncIterable<UserName>;
  readonly connsMax: () => number;
  readonly now: () => number;
  /** A sync that the other side began has ended: this user's mail may have changed. Missing: nobody wants to know. */
  readonly noteChanges?: (users: readonly UserName[]) => Promise<void>;
  /** What is wrong with this host now. Missing: nobody looks. */
  readonly problems?: () => readonly HostProblem[];
  /** How the consumers of the change feed are doing. Missing: there are none. */
  readonly consumers?: () => Promise<readonly ConsumerReport[]>;
  /** What a running sync has moved by now. Missing: nobody counts. */
  readonly progressOf?: RunningProgress['of'];
  /** How long the first syncs of a channel take yet, in milliseconds. Missing: nobody guesses. */
  readonly firstSyncsLeftMs?: (channel: string) => number | undefined;
  readonly logger: Logger;
}

/** One line of an answer as its fields; escaping is the line codec's business. */
export type AnswerLine = readonly string[];

const endOfList: AnswerLine = [''];

/**
 * Answers the commands of one `replicator-doveadm` connection: Dovecot's, so that stock
 * `doveadm replicator` works, and dsyncd's own for channels and reasons.
 *
 * @source Dovecot src/replication/replicator/doveadm-connection.c
 */
export class DoveadmService {
  readonly #options: DoveadmServiceOptions;
  #onlyChannel: string | undefined;

  constructor(options: DoveadmServiceOptions) {
    this.#options = options;
  }

  /**
   * @throws {DsyncdError} `DSYNCD_REPLICATOR_COMMAND` for a command that is not understood: the
   *   connection is to be closed, as Dovecot does it.
   */
  async *answer(fields: readonly string[]): AsyncIterable<AnswerLine> {
    const extension = decodeExtensionCommand(fields);
    if (extension !== undefined) {
      yield* withReason(this.#answerExtension(extension));
      return;
    }
    const [command, ...args] = fields;
    switch (command) {
      case 'STATUS':
        yield* args[0] === undefined ? this.#overview() : this.#userLines(args[0]);
        return;
      case 'STATUS-DSYNC':
        yield* this.#workers();
        return;
      case 'REPLICATE':
        yield await refusing(this.#replicate(args));
        return;
      case 'ADD':
        yield await refusing(this.#add(args));
        return;
      case 'REMOVE':
        yield await refusing(this.#remove(args));
        return;
      case 'NOTIFY':
        yield await refusing(this.#notify(args));
        return;
      default:
        throw notUnderstood(`command ${quote(command ?? '')}`);
    }
  }

  #channels(): readonly Channel[] {
    const only = this.#onlyChannel;
    return this.#options.channels().filter((channel) => only === undefined || channel.name === only);
  }

  #running(): readonly RunningSync[] {
    const names = new Set(this.#channels().map(({ name }) => name));
    return this.#options.queue.running().filter(({ channel }) => names.has(channel));
  }

  async *#overview(): AsyncIterable<AnswerLine> {
    const { queue } = this.#options;
    yield* queueOverview(await Promise.all(this.#channels().map(({ name }) => queue.channelStatus(name))));
    yield endOfList;
  }

  async *#userLines(mask: string): AsyncIterable<AnswerLine> {
    const now = this.#options.now();
    for (const { name } of this.#channels())
      for await (const user of this.#options.queue.userStatus(name, mask)) yield userLine(user, now);
    yield endOfList;
  }

  /** A line a worker, as the stock client expects it: idle ones are "Not connected". */
  async *#workers(): AsyncIterable<AnswerLine> {
    const running = this.#running();
    for (const sync of running) yield [sync.user, sync.type, stateOfWorker(sync, this.#options.now())];
    for (let idle = running.length; idle < this.#options.connsMax(); idle++) yield ['', '-', 'Not connected'];
    yield endOfList;
  }

  async #replicate(args: readonly string[]): Promise<AnswerLine> {
    const [priority, flags, mask] = args;
    if (priority === undefined || flags === undefined || mask === undefined)
      throw notUnderstood('REPLICATE with too few fields');
    if (!isRequestPriority(priority)) return ['-Invalid priority'];
    const full = flags.includes('f');
    const { queue } = this.#options;
    if (isMask(mask)) {
      let count = 0;
      for (const { name } of this.#channels())
        count = Math.max(count, await queue.replicate(name, mask, { priority, full }));
      return [`+${count}`];
    }
    const user = checkedUser(mask);
    if (typeof user !== 'string') return user;
    for (const { name } of this.#channels())
      requireRoom([user], await queue.request(name, [{ user, priority, full, byOperator: true }]));
    return ['+1'];
  }

  async #add(args: readonly string[]): Promise<AnswerLine> {
    const [mask] = args;
    if (mask === undefined) throw notUnderstood('ADD without a mask');
    const users: UserName[] = [];
    if (isMask(mask)) {
      for await (const user of this.#options.users(mask)) users.push(user);
    } else {
      const user = checkedUser(mask);
      if (typeof user !== 'string') return user;
      users.push(user);
    }
    for (const { name } of this.#channels()) requireRoom(users, await this.#options.queue.add(name, users));
    return ['+'];
  }

  async #remove(args: readonly string[]): Promise<AnswerLine> {
    const [name] = args;
    if (name === undefined) throw notUnderstood('REMOVE without a user');
    const user = checkedUser(name);
    if (typeof user !== 'string') return user;
    let wasKnown = false;
    for (const channel of this.#channels())
      wasKnown = (await this.#options.queue.remove(channel.name, user)) || wasKnown;
    return wasKnown ? ['+'] : ['-User not found'];
  }

  /** A dsync on the other side has finished: what it changed here needs no sync of ours, but the user is to be known. */
  async #notify(args: readonly string[]): Promise<AnswerLine> {
    const [name] = args;
    if (args.length < 3 || name === undefined) throw notUnderstood('NOTIFY with too few fields');
    const user = checkedUser(name);
    if (typeof user !== 'string') return user;
    await this.#options.noteChanges?.([user]);
    for (const { name } of this.#channels()) requireRoom([user], await this.#options.queue.add(name, [user]));
    return ['+'];
  }

  async *#answerExtension(command: ExtensionCommand): AsyncIterable<AnswerLine> {
    const { queue } = this.#options;
    switch (command.type) {
      case 'channel':
        yield this.#selectChannel(command.channel);
        return;
      case 'channels':
        for (const { name, replica } of this.#channels()) {
          const firstSyncsLeftMs = this.#options.firstSyncsLeftMs?.(name);
          const guess = firstSyncsLeftMs === undefined ? {} : { firstSyncsLeftMs };
          yield encodeChannelReport({ ...(await queue.channelStatus(name)), replica, ...guess });
        }
        break;
      case 'users':
        for (const { name } of this.#channels())
          for await (const user of queue.userStatus(name, command.mask))
            if (!command.behindOnly || user.standing !== 'replicated')
              yield encodeUserReport({ ...user, channel: name });
        break;
      case 'syncs':
        for (const sync of this.#running())
          yield encodeSyncReport({ ...sync, ...this.#options.progressOf?.(sync.channel, sync.user) });
        break;
      case 'problems':
        for (const problem of this.#options.problems?.() ?? []) yield encodeHostProblem(problem);
        break;
      case 'consumers':
        for (const consumer of (await this.#options.consumers?.()) ?? [])
          yield encodeConsumerReport(consumer);
        break;
    }
    yield endOfList;
  }

  #selectChannel(name: string): AnswerLine {
    if (!this.#options.channels().some((channel) => channel.name === name)) return ['-No such channel'];
    this.#onlyChannel = name;
    return ['+'];
  }
}

/** What the queue cannot do (its disk is full, it knows too many users) is an answer; not understood is the end. */
async function refusing(answer: Promise<AnswerLine>): Promise<AnswerLine> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof DsyncdError) || error.code === notUnderstoodCode) throw error;
    return [`-${error.message}`];
  }
}

/** A list that the queue cannot give (its Redis is away) ends with a line of one field that says why. */
async function* withReason(lines: AsyncIterable<AnswerLine>): AsyncIterable<AnswerLine> {
  try {
    yield* lines;
  } catch (error) {
    if (!(error instanceof DsyncdError) || error.code === notUnderstoodCode) throw error;
    yield [`-${error.message}`];
    yield endOfList;
  }
}

const isMask = (text: string): boolean => /[*?]/.test(text);

const isRequestPriority = (text: string): text is RequestPriority =>
  text !== 'none' && (priorities as readonly string[]).includes(text);

/** The user name, or the answer that says what is wrong with it. */
function checkedUser(name: string): UserName | AnswerLine {
  try {
    return parseUserName(name);
  } catch (error) {
    return [`-${messageOf(error)}`];
  }
}

const notUnderstoodCode = 'DSYNCD_REPLICATOR_COMMAND';

const notUnderstood = (what: string): DsyncdError =>
  new DsyncdError(notUnderstoodCode, `not understood: ${what}`, { outcome: 'operator' });

/** Users of a list that a mask takes; for stores that can only list all. */
export async function* matchingUsers(users: AsyncIterable<UserName>, mask: string): AsyncIterable<UserName> {
  const isWanted = compileMask(mask);
  for await (const user of users) if (isWanted(user)) yield user;
}

/** The lines of `STATUS`, summed over channels. Texts as in Dovecot 2.3: monitoring plugins match them. */
export function* queueOverview(channels: readonly ChannelStatus[]): Iterable<readonly string[]> {
  const sum = (count: (status: ChannelStatus) => number): string =>
    String(channels.reduce((total, status) => total + count(status), 0));
  yield ["Queued 'sync' requests", sum((status) => status.queuedSync)];
  yield ["Queued 'high' requests", sum((status) => status.queuedHigh)];
  yield ["Queued 'low' requests", sum((status) => status.queuedLow + status.standings.unproven)];
  yield ["Queued 'failed' requests", sum((status) => status.quarantined)];
  yield ["Queued 'full resync' requests", sum((status) => status.queuedFullResync)];
  yield ["Waiting 'failed' requests", sum((status) => status.queuedFailed)];
  yield ['Total number of known users', String(Math.max(0, ...channels.map((status) => status.users)))];
}

/** A line of `STATUS MASK`. Readers take "none" for replicated, so a user that a full sync has yet to prove is not shown so. */
export const userLine = (user: UserStatus, now: number): readonly string[] => [
  user.user,
  user.standing === 'unproven' && user.priority === 'none' ? 'low' : user.priority,
  unixSeconds(user.lastFastSyncAt),
  unixSeconds(user.lastFullSyncAt),
  user.failed ? '1' : '0',
  unixSeconds(user.lastSuccessAt),
  String(secondsUntil(user.nextSyncAt, now)),
];

export const stateOfWorker = (sync: RunningSync, now: number): string =>
  `Syncing on ${sync.channel} for ${Math.max(0, Math.round((now - sync.startedAt) / 1000))} s`;

const unixSeconds = (at: number | undefined): string => String(at === undefined ? 0 : Math.floor(at / 1000));

const secondsUntil = (at: number | undefined, now: number): number =>
  at === undefined ? 0 : Math.max(0, Math.ceil((at - now) / 1000));
