import type {
  BackendStatus,
  ChannelStatus,
  OutcomeKind,
  Priority,
  RequestBatch,
  RequestPriority,
  RunningSync,
  SyncFailure,
  SyncRequest,
  SyncType,
  UserFilter,
  UserName,
  UsernameFormat,
  UserStatus,
} from '@dsyncd/core';

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

/** Each line is taken, refused or left out by itself, never its whole batch. */
export interface LeftOut {
  /** Positions of users who are not known and for whom there is no room: bring them again later. */
  readonly leftOut: readonly number[];
}

export interface RequestResult extends LeftOut {
  /** Lines whose user name or priority was refused. */
  readonly refusedCount: number;
  /** The first of the refused names, for the log; unchecked text. */
  readonly firstRefused: string | undefined;
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
  /** Start of the last sync that compared everything; undefined when none has succeeded. */
  readonly lastFullSyncAt: number | undefined;
}

export interface Completion {
  readonly outcome: OutcomeKind;
  /** Stored with the outcome in one transaction when the outcome's rule says so. `''` drops the stored state. */
  readonly state?: string;
  /** Did this sync compare everything, whatever was asked for? */
  readonly full: boolean;
  /**
   * Changes came so close to this sync that only a full one proves both sides equal: until that ended well the user
   * stands as "unproven". It follows when the user was quiet for so long, or when that took too many tries.
   */
  readonly proofAfterMs?: number;
  /** For a failure: stable code, text and hint, shown in status. */
  readonly failure?: SyncFailure;
}

export interface ReplicationQueue {
  /** Merges the requests into the channel's queue; settles when all of them that had room are durable. */
  request(channel: string, requests: readonly SyncRequest[]): Promise<LeftOut>;
  /**
   * As {@link request}, for millions of lines a second. The merge is done
   * when the call returns; the arrays may be used again then. Settles when all lines are durable.
   */
  requestMany(batch: RequestBatch): Promise<RequestResult>;

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

  /** Makes users known without asking for a sync now; a new user's first sync comes as that of a {@link doubt}. Settles when durable. */
  add(channel: string, users: readonly UserName[]): Promise<LeftOut>;
  /**
   * Whether these users are replicated is not known: mail may have changed while dsyncd did not listen. They are synced
   * soon, behind everybody who asked and `quietSyncsMax` at once, and stand as "not known" until a sync that
   * started after this call ended well. Unknown ones become known. Settles when durable.
   */
  doubt(channel: string, users: readonly UserName[]): Promise<LeftOut>;
  /** Those of the users whom the channel does not know. */
  unknown(channel: string, users: readonly UserName[]): Promise<readonly UserName[]>;
  /**
   * Users who are known under another spelling than `usernameFormat` says get their one name, with what they wait
   * for. Answers how many there were; ends early when `signal` aborts.
   */
  respell(channel: string, signal: AbortSignal): Promise<number>;
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
   * The same for known users that the mask matches, for every kind of request. Answers how many it matches;
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
  /** How users are spelt: each has one record, however a request spells the name. Read when the queue is opened. @defaultValue 'as-is' */
  readonly usernameFormat?: UsernameFormat;
  readonly failureResyncIntervalMs: number;
  /** So many syncs that nobody asked for (first ones, doubts, periodic ones) run at once; the rest of the workers is for changes. Default: any number. */
  readonly quietSyncsMax?: number;
  /** So many syncs of one channel run at once: a peer that hangs must leave room for the others. Default: any number. */
  readonly channelSyncsMax?: number;
}

/** All backends whose queues are in one place, and who works on them: for looking at only. */
export interface FleetView {
  /** By name. In the time of their number; how many users they have makes no difference. */
  backends(): Promise<readonly BackendStatus[]>;
}
