import type { ChannelStatus } from './port.ts';

/** All backends whose queues are in one place, and who works on them: for looking at only. */
export interface FleetView {
  /** By name. In the time of their number; how many users they have makes no difference. */
  backends(): Promise<readonly BackendStatus[]>;
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
