/** What the metrics page asks for at the moment when it is read. Instants and spans in milliseconds. */
export interface MetricReadings {
  readonly channels: readonly ChannelReading[];
  /** Syncs that may run at once. */
  readonly connsMax: number;
  readonly sources: readonly SourceReading[];
  readonly http: HttpReading;
}

export interface ChannelReading {
  readonly channel: string;
  readonly queuedSync: number;
  readonly queuedHigh: number;
  readonly queuedLow: number;
  readonly queuedFailed: number;
  readonly queuedFullResync: number;
  readonly quarantined: number;
  readonly running: number;
  readonly users: number;
  readonly neverSynced: number;
  readonly paused: boolean;
  readonly oldestLagMs: number;
  /** One for each of {@link lagLimitsMs}: users whose oldest change waits longer. */
  readonly lagCounts: readonly number[];
  readonly breaker: {
    readonly state: 'closed' | 'open' | 'half-open';
    readonly consecutiveFailures: number;
  };
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

/** By how long users are behind; ascending. */
export const lagLimitsMs: readonly number[] = [
  second,
  5 * second,
  15 * second,
  minute,
  5 * minute,
  15 * minute,
  60 * minute,
  6 * 60 * minute,
  24 * 60 * minute,
];

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
