/**
 * The ReplicationQueue port: which user is synced next on which channel.
 *
 * It knows users, channels, priorities and outcomes; it knows nothing of mail. Promises that every
 * implementation keeps (the contract suite under `./contract` checks them):
 * - What {@link ReplicationQueue.request} answered survives kill -9.
 * - Requests for one user on one channel merge into one entry with the highest priority. A request
 *   that comes while the user is being synced causes one more sync afterwards.
 * - A user is claimed at most once at a time, whatever the channel.
 * - A waiter is answered by the first sync that starts after it came.
 */

import type { OutcomeKind, Standing, StandingCounts, UserName } from '@dsyncd/core';

/** `none`: nothing asked for; the user is known and due by its full-sync interval only. */
export type Priority = 'none' | 'low' | 'high' | 'sync';
export type RequestPriority = Exclude<Priority, 'none'>;

/** Highest last, so that a greater index wins. */
export const priorities: readonly Priority[] = ['none', 'low', 'high', 'sync'];

export type SyncType = 'incremental' | 'normal' | 'full';

export interface Request {
  readonly user: UserName;
  readonly priority: RequestPriority;
  /** The next sync ignores the state. */
  readonly full?: boolean;
  /** Asked for by a person: also ends quarantine and does not wait for the next try after a failure. */
  readonly byOperator?: boolean;
}

/** Lines of a notification listener, column by column: no object a line. */
export interface IntakeBatch {
  /** Each line goes to all of these. */
  readonly channels: readonly string[];
  /** User names as they came, unchecked. */
  readonly names: readonly string[];
  /** One a name: index into {@link priorities}, from 1. May be longer than `names`. */
  readonly priorities: Uint8Array;
}

export interface IntakeResult {
  /** Lines whose user name or priority was refused. */
  readonly refusedCount: number;
  /** The first of the refused names, for the log; unchecked text. */
  readonly firstRefused: string | undefined;
  /** Positions in the batch of users who are not known and for whom there is no room: bring them again later. */
  readonly leftOut: readonly number[];
}

/** What a worker has to do. */
export interface Claim {
  readonly id: number;
  readonly channel: string;
  readonly user: UserName;
  readonly type: SyncType;
  readonly priority: Priority;
  /** State of the last sync, or undefined when there is none; never set when `type` is full. */
  readonly state: string | undefined;
  /** When the oldest change that this sync covers was notified; undefined for a periodic sync. */
  readonly requestedAt: number | undefined;
  /** Start of the last sync that looked at everything; undefined when none has succeeded. */
  readonly lastFullSyncAt: number | undefined;
}

export interface Completion {
  readonly outcome: OutcomeKind;
  /** Stored with the outcome in one transaction when the outcome's rule says so. `''` drops the stored state. */
  readonly state?: string;
  /** Did this sync look at everything, whatever was asked for? */
  readonly full: boolean;
  /**
   * Changes came so close to this sync that only a full one proves both sides equal: until that ended well the user
   * stands as "unproven". It follows when the user was quiet for so long, or when that took too many tries.
   */
  readonly proofAfterMs?: number;
  /** For a failure: stable code, text and hint, shown in status. */
  readonly failure?: { readonly code: string; readonly reason: string; readonly hint?: string };
}

export interface ReplicationQueue {
  /**
   * Merges the requests into the channel's queue; settles when all of them are durable.
   * @throws {DsyncdError} `DSYNCD_QUEUE_USERS_MAX` when new users had no room; all others went through.
   */
  request(channel: string, requests: readonly Request[]): Promise<void>;
  /**
   * As {@link request}, for millions of lines a second and without an answer a line. The merge is done
   * when the call returns; the arrays may be used again then. Settles when all lines are durable.
   */
  requestMany(batch: IntakeBatch): Promise<IntakeResult>;

  /**
   * Settles with the outcome of the first sync of that user on that channel that starts after this
   * call. Call it first and then request that sync with priority `sync`, or the sync may be over before.
   * When no sync will start, it settles at once: with `transient` while the channel is held back by its
   * breaker or the user is paused, with `operator` for a quarantined user, with `noreplicate` for one that is removed.
   * Rejects with `signal.reason` on abort.
   */
  waitForSync(channel: string, user: UserName, signal: AbortSignal): Promise<OutcomeKind>;

  /**
   * The next user that is due, on any of the queue's channels that is not held back; waits until
   * there is one. Undefined when `signal` aborts.
   */
  claim(signal: AbortSignal): Promise<Claim | undefined>;
  /** Stores the outcome durably and frees the user. */
  complete(claim: Claim, completion: Completion): Promise<void>;
  /** Frees the user as if the claim had not been: for syncs that a shutdown cut off. */
  abandon(claim: Claim): Promise<void>;

  /** Makes users known without asking for a sync now; a new user's first sync comes as that of a {@link doubt}. Settles when durable, and rejects as {@link request} does. */
  add(channel: string, users: readonly UserName[]): Promise<void>;
  /**
   * Whether these users are replicated is not known: mail may have changed while nobody listened. They are synced
   * soon, behind everybody who asked and `quietSyncsMax` at once, and stand as "not known" until a sync that
   * started after this call ended well. Unknown ones become known. Settles when durable, and rejects as {@link request} does.
   */
  doubt(channel: string, users: readonly UserName[]): Promise<void>;
  /** Forgets a user; false when it was not known. A running sync is not stopped. */
  remove(channel: string, user: UserName): Promise<boolean>;
  /**
   * A person asks for a sync of every known user that the mask matches: quarantine and waiting after
   * a failure end. Answers how many; settles when durable.
   */
  replicate(
    channel: string,
    mask: string,
    options: { readonly priority: RequestPriority; readonly full: boolean },
  ): Promise<number>;

  /**
   * Nothing is claimed on the channel until {@link resume}, over restarts too; running syncs end as they
   * would. Waiters are answered with `transient`. Settles when durable.
   */
  pause(channel: string): Promise<void>;
  resume(channel: string): Promise<void>;
  /**
   * The same for known users that the mask matches, whoever asks for their sync. Answers how many it matches;
   * settles when durable. A user who is forgotten and comes back is not paused any more.
   */
  pauseUsers(channel: string, mask: string): Promise<number>;
  resumeUsers(channel: string, mask: string): Promise<number>;

  /** In constant time, however many users there are. */
  channelStatus(channel: string): Promise<ChannelStatus>;
  /** For each of the limits (milliseconds, ascending): how many users' oldest change waits longer than that. */
  lagCounts(channel: string, limitsMs: readonly number[]): Promise<readonly number[]>;
  /** Known users that the mask matches, in no special order. */
  userStatus(channel: string, mask: string): AsyncIterable<UserStatus>;
  /**
   * Known users, a page at a time, in no special but always the same order. A page may have fewer users than
   * were asked for, or none, and be followed by more: the end is where `next` is missing.
   * @throws {DsyncdError} `DSYNCD_QUEUE_CURSOR` for a cursor that is none.
   */
  userPage(channel: string, query: UserQuery): Promise<UserPage>;
  running(): readonly RunningSync[];

  /** Channels and timing from the configuration; may change while running (SIGHUP). */
  configure(settings: QueueSettings): Promise<void>;
  close(): Promise<void>;
}

/** `behind`: whoever is not replicated, for whatever reason. `failed`: quarantined ones too. */
export type UserFilter = 'behind' | 'failed' | 'quarantined' | 'paused';

export function fitsFilter(
  { standing, paused }: Pick<UserStatus, 'standing' | 'paused'>,
  only: UserFilter,
): boolean {
  if (only === 'behind') return standing !== 'replicated';
  // One who is quarantined may be paused, too.
  if (only === 'paused') return paused;
  return standing === only || (only === 'failed' && (standing === 'failing' || standing === 'quarantined'));
}

export interface UserQuery {
  readonly mask: string;
  readonly only?: UserFilter;
  /** `next` of the page before; missing: from the start. */
  readonly cursor?: string;
  readonly limit: number;
}

export interface UserPage {
  readonly users: readonly UserStatus[];
  readonly next: string | undefined;
}

export interface QueueSettings {
  readonly channels: readonly string[];
  readonly fullSyncIntervalMs: number;
  readonly failureResyncIntervalMs: number;
  /** So many syncs that nobody asked for (first ones, doubts, periodic ones) run at once; the rest of the workers is for changes. Default: any number. */
  readonly quietSyncsMax?: number;
  /** So many syncs of one channel run at once: a peer that hangs must leave room for the others. Default: any number. */
  readonly channelSyncsMax?: number;
}

export interface ChannelStatus {
  readonly channel: string;
  /** Users with that priority waiting (not counting running ones). */
  readonly queuedSync: number;
  readonly queuedHigh: number;
  readonly queuedLow: number;
  /** Users whose last sync failed and who wait for the next try. */
  readonly queuedFailed: number;
  /** Users whose full sync interval has passed. */
  readonly queuedFullResync: number;
  /** Held until a person acts. */
  readonly quarantined: number;
  /** Stopped with {@link ReplicationQueue.pauseUsers}, and not quarantined. */
  readonly pausedUsers: number;
  readonly running: number;
  readonly users: number;
  /** How the users stand; together they are all `users`. */
  readonly standings: StandingCounts;
  /** A person has stopped it with {@link ReplicationQueue.pause}. */
  readonly paused: boolean;
  /** When the oldest change that is not known to be replicated was notified. */
  readonly oldestRequestAt: number | undefined;
  readonly breaker: BreakerStatus;
}

/** The circuit breaker of one channel: keeps a dead peer from being hammered. */
export interface BreakerStatus {
  readonly state: 'closed' | 'open' | 'half-open';
  readonly consecutiveFailures: number;
  /** When it lets the next try through; undefined when closed. */
  readonly retryAt: number | undefined;
  readonly lastReason: string | undefined;
}

/** All instants in Unix milliseconds, undefined for never. */
export interface UserStatus {
  readonly user: UserName;
  readonly priority: Priority;
  readonly lastFastSyncAt: number | undefined;
  readonly lastFullSyncAt: number | undefined;
  readonly lastSuccessAt: number | undefined;
  readonly failed: boolean;
  readonly quarantined: boolean;
  /** A person has stopped this user with {@link ReplicationQueue.pauseUsers}. */
  readonly paused: boolean;
  readonly failure: Completion['failure'] | undefined;
  readonly failuresInRow: number;
  readonly nextSyncAt: number | undefined;
  /** When the oldest change that is not known to be replicated was notified, or the first sync began that could not prove it. */
  readonly requestedAt: number | undefined;
  readonly running: boolean;
  readonly standing: Standing;
  /** How often in a row the mail changed during the sync, or another sync had the user. */
  readonly soonsInRow: number;
}

export interface RunningSync {
  readonly channel: string;
  readonly user: UserName;
  readonly type: SyncType;
  readonly priority: Priority;
  readonly startedAt: number;
}
