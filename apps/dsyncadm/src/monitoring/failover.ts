import { countOf } from '../output/counts.ts';
import { formatSpan } from '../output/durations.ts';
import type { ReplicationHealth } from '../replication-health.ts';

export interface FailoverInput {
  readonly health: ReplicationHealth;
  /** Users of whom no sync has succeeded yet. */
  readonly neverSynced: readonly { readonly user: string }[];
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
export function judgeFailover({ health, neverSynced, rpoMs }: FailoverInput): FailoverVerdict {
  const lags = [...health.channels, ...health.behind].flatMap(({ lagMs }) => lagMs ?? []);
  const missingMs = lags.length === 0 ? undefined : lags.reduce((most, lag) => Math.max(most, lag), 0);
  const failing = health.behind.filter(({ failed, quarantined }) => failed || quarantined);
  const reasons: string[] = [];
  if (health.channels.length === 0) reasons.push('no channel is configured: there is no replica');
  if (neverSynced.length > 0) reasons.push(`${countOf(neverSynced.length, 'user')} never replicated`);
  if (missingMs !== undefined && missingMs > rpoMs)
    reasons.push(`changes of the last ${formatSpan(missingMs)} are not on the replica`);
  if (failing.length > 0) reasons.push(`the last sync of ${countOf(failing.length, 'user')} failed`);
  for (const { channel, breaker, replica } of health.channels)
    if (breaker.state === 'open') reasons.push(`channel ${channel}: the peer ${replica} does not answer`);
  return { isReady: reasons.length === 0, missingMs, reasons };
}
