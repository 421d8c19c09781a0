import type { BackendStatus } from '@dsyncd/core';

/** All backends whose queues are in one place, and who works on them: for looking at only. */
export interface FleetView {
  /** By name. In the time of their number; how many users they have makes no difference. */
  backends(): Promise<readonly BackendStatus[]>;
}
