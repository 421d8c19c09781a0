import { formatSpan, obstaclesOf } from '@dsyncd/core';
import type { ReplicationHealth } from '../replication-health.ts';

export interface FailoverInput {
  readonly health: ReplicationHealth;
  /** Recovery point objective: changes younger than this may be missing. */
  readonly rpoMs: number;
}

export interface FailoverVerdict {
  readonly isReady: boolean;
  /** How far back changes would be missing on the replica; undefined: none would. */
  readonly missingMs: number | undefined;
  /** Why not, a line each. */
  readonly reasons: readonly string[];
}

/** Could the replica take over now? Pure. */
export function judgeFailover({ health, rpoMs }: FailoverInput): FailoverVerdict {
  const lags = [...health.channels, ...health.behind].flatMap(({ lagMs }) => lagMs ?? []);
  const missingMs = lags.length === 0 ? undefined : lags.reduce((most, lag) => Math.max(most, lag), 0);
  const reasons: string[] = [];
  if (health.channels.length === 0) reasons.push('no channel is configured: there is no replica');
  for (const { message } of health.problems) reasons.push(`this host: ${message}`);
  if (missingMs !== undefined && missingMs > rpoMs)
    reasons.push(`changes of the last ${formatSpan(missingMs)} are not on the replica`);
  for (const channel of health.channels)
    for (const text of obstaclesOf(channel, 0)) reasons.push(`channel ${channel.channel}: ${text}`);
  return { isReady: reasons.length === 0, missingMs, reasons };
}
