import type { Static } from 'typebox';
import * as Type from 'typebox';
import { consumerSchema } from './consumers.ts';
import { endedSyncSchema } from './sync-history.ts';
import { channelSchema, userSchema, workerSchema } from './views.ts';

// What the API answers, without what serves it: for clients, such as the dashboard, that are built apart.

export type { ProblemBody } from '../problem.ts';
export type { ConsumerView } from './consumers.ts';
export {
  type BackendView,
  type FleetAnswer,
  fleetView,
  type ReplicatorView,
} from './fleet-view.ts';
export type { HistoryView } from './history-view.ts';
export type { EndedSyncView } from './sync-history.ts';
export type { TimelineView } from './timeline-view.ts';
export type { ChannelView, FleetChannelView, UserView, WorkerView } from './views.ts';

const closed = { additionalProperties: false } as const;

export const statusSchema = Type.Object(
  {
    hostname: Type.String(),
    version: Type.String(),
    startedAt: Type.String({ format: 'date-time' }),
    ready: Type.Boolean(),
    problems: Type.Array(
      Type.Object({ check: Type.String(), message: Type.String(), remedy: Type.String() }, closed),
      { description: 'What is wrong with the host itself.' },
    ),
    users: Type.Integer({ description: 'Known users; of the channel that knows most.' }),
    usersBehind: Type.Integer({
      description: 'Users with a change that is not replicated yet, over all channels.',
    }),
    oldestLagSeconds: Type.Number(),
    workers: Type.Object({ running: Type.Integer(), max: Type.Integer() }, closed),
    channels: Type.Array(channelSchema),
    consumers: Type.Array(consumerSchema, {
      description: 'Programs that are given who changed; that one fails keeps no mail from the replica.',
    }),
  },
  { ...closed, title: 'Status' },
);
export type StatusView = Static<typeof statusSchema>;

export const workersSchema = Type.Object({ max: Type.Integer(), running: Type.Array(workerSchema) }, closed);
export type WorkersView = Static<typeof workersSchema>;

export const userListSchema = Type.Object(
  {
    users: Type.Array(userSchema, { description: 'One entry a user and channel.' }),
    next: Type.Optional(
      Type.String({ description: 'For the next page, which there may be even when this one is empty.' }),
    ),
  },
  closed,
);
export type UserListView = Static<typeof userListSchema>;

export const userDetailSchema = Type.Object(
  {
    user: Type.String(),
    channels: Type.Array(userSchema),
    history: Type.Array(endedSyncSchema, {
      description: 'Latest first; of a user who was synced long ago, or before the last start, empty.',
    }),
  },
  closed,
);
export type UserDetailView = Static<typeof userDetailSchema>;
