/** How channels share the workers, so that one whose peer hangs does not hold up the others. */

import type { QueueSettings } from '../port.ts';
import type { ChannelQueue, NextUser } from './channel-queue.ts';
import type { RunningClaim } from './running-claim.ts';

/**
 * How `workers` (1 or more) are shared. Syncs that nobody asked for get half of them, the other half is for changes.
 * Where there are several channels, a quarter is always left for the others; each share is at least one worker.
 */
export const shareWorkers = (
  workers: number,
  channels: number,
): Pick<QueueSettings, 'quietSyncsMax' | 'channelSyncsMax'> => ({
  quietSyncsMax: Math.max(1, Math.floor(workers / 2)),
  ...(channels > 1 ? { channelSyncsMax: Math.max(1, workers - Math.ceil(workers / 4)) } : {}),
});

/** Those of which fewer syncs run than one channel may have. */
export function channelsWithRoom(
  channels: readonly ChannelQueue[],
  claims: ReadonlyMap<number, RunningClaim>,
  syncsMax: number = Number.POSITIVE_INFINITY,
): readonly ChannelQueue[] {
  if (claims.size < syncsMax) return channels;
  const running = new Map<number, number>();
  for (const { channel } of claims.values()) running.set(channel, (running.get(channel) ?? 0) + 1);
  return channels.filter(({ index }) => (running.get(index) ?? 0) < syncsMax);
}

export const soonest = (next: readonly (NextUser | undefined)[]): NextUser | undefined =>
  next.reduce<NextUser | undefined>(
    (best, each) => (each !== undefined && (best === undefined || each.rank < best.rank) ? each : best),
    undefined,
  );

/**
 * The channel on which the user is synced first. It is on one at a time: where several wait for it, a peer that
 * failed last, for this user or for others, must not go before one that did not.
 */
export const healthiestFor = (
  { channel, user }: NextUser,
  open: readonly ChannelQueue[],
  now: number,
): ChannelQueue =>
  open.reduce(
    (best, other) =>
      other.failuresOf(user) < best.failuresOf(user) && other.isAskedFor(user, now) ? other : best,
    channel,
  );
