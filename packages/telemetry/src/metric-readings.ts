import type { BreakerStatus, ChannelStatus } from '@dsyncd/core';

/** What the metrics page asks for at the moment when it is read. Instants and spans in milliseconds. */
export interface MetricReadings {
  readonly channels: readonly ChannelReading[];
  /** Syncs that may run at once. */
  readonly connsMax: number;
  readonly sources: readonly SourceReading[];
  readonly http: HttpReading;
  readonly consumers: readonly ConsumerReading[];
  /** Deliveries that wait for the replica; missing: no channel requires that. */
  readonly deliveries?: DeliveriesReading;
}

/** A consumer of the change feed. */
export interface ConsumerReading {
  readonly name: string;
  /** Undefined while it is being given all users. */
  readonly usersBehind: number | undefined;
  /** How long the oldest change waits that it does not have; 0: it has all. */
  readonly lagMs: number;
  /** Since the start. */
  readonly runs: number;
  readonly failures: number;
  readonly failuresInRow: number;
}

export interface DeliveriesReading {
  /** Answers with 451 so far; a mail that is tried again counts again. */
  readonly total: number;
  /** Since when none got its second copy; missing: the last one did. */
  readonly since?: number;
}

export interface ChannelReading extends Omit<ChannelStatus, 'oldestRequestAt' | 'breaker'> {
  readonly oldestLagMs: number;
  /** One for each of {@link lagLimitsMs}: users whose oldest change waits longer. */
  readonly lagCounts: readonly number[];
  /** Undefined until the users have been looked through. */
  readonly verification: VerificationReading | undefined;
  readonly breaker: Pick<BreakerStatus, 'state' | 'consecutiveFailures'>;
}

/** When users were compared in full the last time. */
export interface VerificationReading {
  /** Of the user whose last full sync is longest ago; 0 when nobody had one. */
  readonly oldestAgeMs: number;
  /** One for each of {@link verificationLimitsMs}: users whose last full sync is longer ago, or who never had one. */
  readonly ageCounts: readonly number[];
}

/** One way in which notifications come. */
export interface SourceReading {
  /** `fifo`, `socket`, `replicator`, `spool` or `http`. */
  readonly source: string;
  /** Since the start. */
  readonly taken: number;
  readonly refused: number;
}

export interface HttpReading {
  readonly connections: number;
  readonly eventClients: number;
  /** Events that slow clients missed, since the start. */
  readonly eventsDropped: number;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** By how long users are behind; ascending. */
export const lagLimitsMs: readonly number[] = [
  second,
  5 * second,
  15 * second,
  minute,
  5 * minute,
  15 * minute,
  hour,
  6 * hour,
  day,
];

/** How long ago users were compared in full; ascending. */
export const verificationLimitsMs: readonly number[] = [hour, 6 * hour, day, 2 * day, 7 * day, 30 * day];

/**
 * What a full sync has proved. `first`: the user had never had one. `equal`: nothing differed. `changed`: what
 * was copied may be what had been notified. `repaired`: something differed though nothing had been notified.
 * `uncounted`: the engine does not say what it copied.
 */
export type VerificationResult = 'first' | 'equal' | 'changed' | 'repaired' | 'failed' | 'uncounted';

/** One sync that has ended. */
export interface SyncSample {
  readonly channel: string;
  readonly type: string;
  readonly priority: string;
  readonly outcome: string;
  /** Stable code of the failure. */
  readonly failureCode?: string;
  /** Will the user be tried again because of this outcome? */
  readonly isRetried: boolean;
  readonly durationMs: number;
  /** From the oldest change that this sync covered to its end; missing: nobody had asked. */
  readonly lagMs?: number;
  readonly conflicts: number;
  /** Of a full sync: what it proved, and how long ago the one before began. */
  readonly verification?: { readonly result: VerificationResult; readonly sinceLastMs?: number };
  readonly counts: {
    readonly mailsReceived: number;
    readonly mailsSent: number;
    readonly bodiesSpared: number;
    readonly flagsChanged: number;
    readonly expunged: number;
    readonly mailboxesChanged: number;
    readonly bytesReceived: number;
    readonly bytesSent: number;
  };
}
