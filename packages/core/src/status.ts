import type { UserName } from './ids.ts';
import type { Priority } from './request.ts';
import type { Standing, StandingCounts } from './standing.ts';
import type { SyncFailure, SyncType } from './sync.ts';

/** What can be seen of channels, users and the fleet; whatever shows it uses these words. */

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
  /** Stopped with `pauseUsers`, and not quarantined. */
  readonly pausedUsers: number;
  readonly running: number;
  readonly users: number;
  /** How the users stand; together they are all `users`. */
  readonly standings: StandingCounts;
  /** A person has stopped it with `pause`. */
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
  /** A person has stopped this user with `pauseUsers`. */
  readonly paused: boolean;
  readonly failure: SyncFailure | undefined;
  readonly failuresInRow: number;
  readonly nextSyncAt: number | undefined;
  /** When the oldest change that is not known to be replicated was notified, or the first sync began that could not prove it. */
  readonly requestedAt: number | undefined;
  readonly running: boolean;
  readonly standing: Standing;
  /** How often in a row the mail changed during the sync, or another sync had the user. */
  readonly quickRetriesInRow: number;
}

export interface RunningSync {
  readonly channel: string;
  readonly user: UserName;
  readonly type: SyncType;
  readonly priority: Priority;
  readonly startedAt: number;
}

/** `behind`: all users that are not replicated. `failed`: quarantined ones too. */
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

/** One queue: of a host, or of a pair that shares it. */
export interface BackendStatus {
  readonly backend: string;
  /** When one of its replicators last gave a sign of life. */
  readonly seenAt: number;
  readonly replicators: readonly ReplicatorStatus[];
  readonly channels: readonly FleetChannelStatus[];
}

export interface FleetChannelStatus extends ChannelStatus {
  /** Users with a change that is not replicated yet. */
  readonly usersBehind: number;
}

/** A process that takes users off the queue. */
export interface ReplicatorStatus {
  readonly hostname: string;
  readonly pid: number;
  readonly startedAt: number;
  /** Its last sign of life. */
  readonly seenAt: number;
  /** False when that is too long ago: it is dead, or cut off, and nobody has taken its work over yet. */
  readonly alive: boolean;
  /** Syncs that it performs now. */
  readonly running: number;
}
