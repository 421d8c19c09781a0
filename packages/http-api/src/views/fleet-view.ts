import type { BackendStatus, FleetChannelStatus } from '@dsyncd/core';
import type { FleetView, ReplicationQueue } from '@dsyncd/queue';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import type { HttpApiParts } from '../parts.ts';
import { fleetChannelSchema, fleetChannelView, isoInstant } from './views.ts';

const closed = { additionalProperties: false } as const;

const replicatorSchema = Type.Object(
  {
    hostname: Type.String(),
    pid: Type.Integer(),
    startedAt: Type.String({ format: 'date-time' }),
    seenAt: Type.String({ format: 'date-time', description: 'Its last sign of life.' }),
    alive: Type.Boolean({ description: 'False: it is dead or cut off, and its work not taken over yet.' }),
    running: Type.Integer({ description: 'Syncs that it performs now.' }),
  },
  { ...closed, title: 'Replicator' },
);
export type ReplicatorView = Static<typeof replicatorSchema>;

const backendSchema = Type.Object(
  {
    backend: Type.String(),
    seenAt: Type.String({
      format: 'date-time',
      description: 'When one of its replicators last gave a sign of life.',
    }),
    users: Type.Integer({ description: 'Known users; of the channel that knows most.' }),
    usersBehind: Type.Integer({
      description: 'Users with a change that is not replicated yet, over all channels.',
    }),
    oldestLagSeconds: Type.Number(),
    replicators: Type.Array(replicatorSchema),
    channels: Type.Array(fleetChannelSchema),
  },
  { ...closed, title: 'Backend' },
);
export type BackendView = Static<typeof backendSchema>;

export const fleetSchema = Type.Object(
  { backends: Type.Array(backendSchema, { description: 'By name.' }) },
  { ...closed, title: 'Fleet' },
);
export type FleetAnswer = Static<typeof fleetSchema>;

export const fleetView = (backends: readonly BackendStatus[], now: number): FleetAnswer => ({
  backends: backends.map((status) => backendView(status, now)),
});

function backendView({ backend, seenAt, replicators, channels }: BackendStatus, now: number): BackendView {
  const views = channels.map((channel) => fleetChannelView(channel, now));
  return {
    backend,
    seenAt: isoInstant(seenAt),
    ...totalsOf(views),
    replicators: replicators.map((each) => ({
      ...each,
      startedAt: isoInstant(each.startedAt),
      seenAt: isoInstant(each.seenAt),
    })),
    channels: views,
  };
}

type Totals = Pick<BackendView, 'users' | 'usersBehind' | 'oldestLagSeconds'>;

/** Of all channels together. */
export const totalsOf = (channels: readonly Totals[]): Totals => ({
  users: Math.max(0, ...channels.map(({ users }) => users)),
  usersBehind: channels.reduce((sum, { usersBehind }) => sum + usersBehind, 0),
  oldestLagSeconds: Math.max(0, ...channels.map(({ oldestLagSeconds }) => oldestLagSeconds)),
});

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
