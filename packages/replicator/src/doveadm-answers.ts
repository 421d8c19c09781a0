import type { ChannelStatus, RunningSync, UserStatus } from '@dsyncd/core';

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

/** A line of `STATUS MASK`. Who reads it takes "none" for replicated: one whom a full sync is yet to prove is none of these. */
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
