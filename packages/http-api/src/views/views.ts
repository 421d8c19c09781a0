import {
  type FleetChannelStatus,
  isReplicated,
  type RequestPriority,
  type RunningSync,
  requestPriorities,
  type Standing,
  standings,
  type UserStatus,
} from '@dsyncd/core';
import type { Channel, Moved } from '@dsyncd/replicator';
import type { Static } from 'typebox';
import * as Type from 'typebox';

const closed = { additionalProperties: false } as const;
const instant = (description: string) => Type.String({ format: 'date-time', description });
const count = (description: string) => Type.Integer({ minimum: 0, description });

export const failureSchema = Type.Object(
  {
    code: Type.String(),
    reason: Type.String(),
    hint: Type.Optional(Type.String({ description: 'What to do about it.' })),
  },
  closed,
);

/** What every replicator of the backend knows of a channel. */
const channelState = {
  paused: Type.Boolean(),
  users: count('Known users.'),
  usersBehind: count('Users with a change that is not replicated yet.'),
  replicated: Type.Boolean({
    description: 'Every known user is replicated, and nothing keeps the next change from following.',
  }),
  standings: Type.Object(
    Object.fromEntries(standings.map((standing) => [standing, Type.Integer()])) as Record<
      Standing,
      ReturnType<typeof Type.Integer>
    >,
    { ...closed, description: 'Users by how they stand with the replica; together they are all.' },
  ),
  oldestRequestAt: Type.Optional(instant('When the oldest not yet replicated change was notified.')),
  oldestLagSeconds: Type.Number({ description: 'How long that one waits; 0 when there is none.' }),
  running: count('Syncs that run now.'),
  queued: Type.Object(
    {
      sync: Type.Integer(),
      high: Type.Integer(),
      low: Type.Integer(),
      failed: count('Users who wait for the next try after a failure.'),
      fullResync: count('Users whose full-sync interval has passed.'),
      quarantined: count('Users who are held until a person acts.'),
      paused: count('Users whom a person has paused.'),
    },
    { ...closed, description: 'Users by what they wait for.' },
  ),
  breaker: Type.Object(
    {
      state: Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')]),
      consecutiveFailures: Type.Integer(),
      retryAt: Type.Optional(instant('When the next try is let through.')),
      lastReason: Type.Optional(Type.String()),
    },
    { ...closed, description: 'The circuit breaker: open while the peer seems dead.' },
  ),
};

export const channelSchema = Type.Object(
  {
    channel: Type.String(),
    replica: Type.String({ description: '`mail_replica` as configured.' }),
    chain: Type.Boolean(),
    firstSyncsLeftSeconds: Type.Optional(
      Type.Number({
        description:
          'About how long the first syncs of the users that were never synced take yet; missing: not known.',
      }),
    ),
    ...channelState,
  },
  { ...closed, title: 'Channel' },
);
export type ChannelView = Static<typeof channelSchema>;

export const fleetChannelSchema = Type.Object(
  { channel: Type.String(), ...channelState },
  { ...closed, title: 'Channel of a backend' },
);
export type FleetChannelView = Static<typeof fleetChannelSchema>;

/** What can be asked for. */
export const requestPriority = (options: {
  readonly description?: string;
  readonly default?: RequestPriority;
}) =>
  Type.Unsafe<RequestPriority>(
    Type.Union(
      requestPriorities.map((priority) => Type.Literal(priority)),
      options,
    ),
  );

const userState = Type.Unsafe<Standing>(
  Type.Union(
    standings.map((standing) => Type.Literal(standing)),
    {
      description:
        'How the user stands with the replica. Only `replicated` means that nothing may be missing there.',
    },
  ),
);

export const userSchema = Type.Object(
  {
    user: Type.String(),
    channel: Type.String(),
    state: userState,
    priority: Type.String({ description: '`none`, `low`, `high` or `sync`.' }),
    requestedAt: Type.Optional(instant('When the oldest not yet replicated change was notified.')),
    lagSeconds: Type.Number({ description: 'How long that one waits; 0 when there is none.' }),
    lastFastSyncAt: Type.Optional(instant('Start of the last sync.')),
    lastFullSyncAt: Type.Optional(instant('Start of the last full sync.')),
    lastSuccessAt: Type.Optional(instant('End of the last sync that succeeded.')),
    nextSyncAt: Type.Optional(instant('When the user is due; missing when held.')),
    failed: Type.Boolean(),
    quarantined: Type.Boolean(),
    paused: Type.Boolean(),
    failuresInRow: Type.Integer(),
    failure: Type.Optional(failureSchema),
    running: Type.Boolean(),
  },
  { ...closed, title: 'User' },
);
export type UserView = Static<typeof userSchema>;

export const workerSchema = Type.Object(
  {
    channel: Type.String(),
    user: Type.String(),
    type: Type.String({ description: '`incremental`, `normal` or `full`.' }),
    priority: Type.String(),
    startedAt: instant('When it was claimed.'),
    seconds: Type.Number({ description: 'How long it runs.' }),
    mails: Type.Optional(
      Type.Integer({
        description: 'Mails moved by now, both ways; missing where the engine does not count.',
      }),
    ),
    bytes: Type.Optional(Type.Integer({ description: 'Bytes of mails moved by now.' })),
    mailboxesDone: Type.Optional(Type.Integer({ description: 'Mailboxes compared by now.' })),
    mailboxesTotal: Type.Optional(Type.Integer({ description: 'Mailboxes to be compared.' })),
  },
  { ...closed, title: 'Running sync' },
);
export type WorkerView = Static<typeof workerSchema>;

export const channelView = (
  { name, replica, chain }: Channel,
  status: FleetChannelStatus,
  { now, firstSyncsLeftMs }: { readonly now: number; readonly firstSyncsLeftMs: number | undefined },
): ChannelView => ({
  ...fleetChannelView(status, now),
  channel: name,
  replica,
  chain,
  ...(firstSyncsLeftMs === undefined ? {} : { firstSyncsLeftSeconds: firstSyncsLeftMs / 1000 }),
});

export function fleetChannelView(status: FleetChannelStatus, now: number): FleetChannelView {
  const { breaker } = status;
  return {
    channel: status.channel,
    paused: status.paused,
    users: status.users,
    usersBehind: status.usersBehind,
    replicated: isReplicated(status),
    standings: { ...status.standings },
    ...at('oldestRequestAt', status.oldestRequestAt),
    oldestLagSeconds: secondsSince(status.oldestRequestAt, now),
    running: status.running,
    queued: {
      sync: status.queuedSync,
      high: status.queuedHigh,
      low: status.queuedLow,
      failed: status.queuedFailed,
      fullResync: status.queuedFullResync,
      quarantined: status.quarantined,
      paused: status.pausedUsers,
    },
    breaker: {
      state: breaker.state,
      consecutiveFailures: breaker.consecutiveFailures,
      ...at('retryAt', breaker.retryAt),
      lastReason: breaker.lastReason,
    },
  };
}

export function userView(channel: string, status: UserStatus, now: number): UserView {
  return {
    user: status.user,
    channel,
    state: status.standing,
    priority: status.priority,
    ...at('requestedAt', status.requestedAt),
    lagSeconds: secondsSince(status.requestedAt, now),
    ...at('lastFastSyncAt', status.lastFastSyncAt),
    ...at('lastFullSyncAt', status.lastFullSyncAt),
    ...at('lastSuccessAt', status.lastSuccessAt),
    ...at('nextSyncAt', status.nextSyncAt),
    failed: status.failed,
    quarantined: status.quarantined,
    paused: status.paused,
    failuresInRow: status.failuresInRow,
    failure: status.failure === undefined ? undefined : { ...status.failure },
    running: status.running,
  };
}

export const workerView = (sync: RunningSync, moved: Moved | undefined, now: number): WorkerView => ({
  channel: sync.channel,
  user: sync.user,
  type: sync.type,
  priority: sync.priority,
  startedAt: isoInstant(sync.startedAt),
  seconds: secondsSince(sync.startedAt, now),
  ...moved,
});

export const isoInstant = (unixMs: number): string => new Date(unixMs).toISOString();

export const secondsSince = (unixMs: number | undefined, now: number): number =>
  unixMs === undefined ? 0 : Math.max(0, now - unixMs) / 1000;

const at = <Key extends string>(key: Key, unixMs: number | undefined): { readonly [K in Key]?: string } =>
  unixMs === undefined ? {} : ({ [key]: isoInstant(unixMs) } as { readonly [K in Key]: string });
