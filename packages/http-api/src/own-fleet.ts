import type { FleetChannelStatus } from '@dsyncd/core';
import type { FleetView, ReplicationQueue } from '@dsyncd/queue';
import type { HttpApiParts } from './parts.ts';

/** The fleet of a queue that is this host's alone: one backend, one replicator. */
export function ownFleet(parts: Pick<HttpApiParts, 'queue' | 'channels' | 'hostname' | 'clock'>): FleetView {
  const { queue, channels, hostname, clock } = parts;
  const startedAt = clock.now();
  return {
    async backends() {
      const statuses = await Promise.all(channels().map(({ name }) => channelStatus(queue, name)));
      const now = clock.now();
      const running = queue.running().length;
      const own = { hostname: hostname(), pid: process.pid, startedAt, seenAt: now, alive: true, running };
      return [{ backend: hostname(), seenAt: now, replicators: [own], channels: statuses }];
    },
  };
}

/** @throws {DsyncdError} `DSYNCD_QUEUE_CHANNEL` when there is none of that name. */
export async function channelStatus(queue: ReplicationQueue, name: string): Promise<FleetChannelStatus> {
  const status = await queue.channelStatus(name);
  const [usersBehind = 0] = await queue.lagCounts(name, [-1]);
  return { ...status, usersBehind };
}
