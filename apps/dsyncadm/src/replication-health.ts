import { obstaclesOf } from '@dsyncd/core';
import type { ChannelReport, ConsumerReport, HostProblem, SyncReport, UserReport } from '@dsyncd/protocol';
import { type ReplicatorOptions, withReplicator } from './commands/replicator.ts';
import type { CommandContext } from './context.ts';
import type { ReplicatorClient } from './replicator/client.ts';

/** What `dsyncadm status` found out. */
export interface ReplicationHealth {
  /** Everybody stands as replicated, but for changes that are on their way and do not wait longer than they should. */
  readonly isHealthy: boolean;
  readonly channels: readonly ChannelHealth[];
  /** What is wrong with the host itself. */
  readonly problems: readonly HostProblem[];
  /** Of the change feed. That one fails keeps no mail from the replica, so it does not count for `isHealthy`. */
  readonly consumers: readonly ConsumerReport[];
  /** Those who are behind, the one who waits longest first. */
  readonly behind: readonly UserHealth[];
}

export interface ChannelHealth extends ChannelReport {
  readonly behindCount: number;
  /** What keeps the replica from having everything, a line each; changes on their way do not count. */
  readonly obstacles: readonly string[];
  /** How long the oldest change of the channel has waited; undefined when nothing waits. */
  readonly lagMs: number | undefined;
}

export interface UserHealth extends UserReport {
  readonly state: UserState;
  /** How long the user's oldest change has waited; undefined when only a periodic sync is missing. */
  readonly lagMs: number | undefined;
  /** The sync that runs for the user now. */
  readonly sync: SyncReport | undefined;
  readonly why: string;
  readonly remedy: string | undefined;
}

/** From "needs a person" to "takes care of itself". */
export type UserState =
  | 'quarantined'
  | 'failing'
  | 'held'
  | 'paused'
  | 'changing'
  | 'never synced'
  | 'not known'
  | 'unproven'
  | 'running'
  | 'waiting';

export interface HealthInput {
  readonly channels: readonly ChannelReport[];
  readonly behind: readonly UserReport[];
  readonly problems?: readonly HostProblem[];
  readonly consumers?: readonly ConsumerReport[];
  /** Those that run now. */
  readonly syncs?: readonly SyncReport[];
  /** Unix milliseconds. */
  readonly now: number;
  /** A change that waits longer than this makes replication unhealthy. */
  readonly lagMsMax: number;
}

/** Judges the reports of a replicator. Pure. */
export function judgeHealth({
  channels,
  behind,
  now,
  lagMsMax,
  problems = [],
  consumers = [],
  syncs = [],
}: HealthInput): ReplicationHealth {
  const byName = new Map(channels.map((report) => [report.channel, report]));
  const syncOf = new Map(syncs.map((sync) => [`${sync.channel} ${sync.user}`, sync]));
  const users = behind
    .map((user) => ({
      ...judgeUser(user, byName.get(user.channel), now),
      sync: user.running ? syncOf.get(`${user.channel} ${user.user}`) : undefined,
    }))
    .sort(byUrgency);
  const judgedChannels = channels.map((report) => judgeChannel(report, users, { now, lagMsMax }));
  return {
    isHealthy:
      problems.length === 0 &&
      channels.length > 0 &&
      judgedChannels.every(({ obstacles }) => obstacles.length === 0),
    channels: judgedChannels,
    problems,
    consumers,
    behind: users,
  };
}

function judgeChannel(
  report: ChannelReport,
  users: readonly UserHealth[],
  { now, lagMsMax }: Pick<HealthInput, 'now' | 'lagMsMax'>,
): ChannelHealth {
  const lagMs = span(report.oldestRequestAt, now);
  const late = users.filter((user) => user.channel === report.channel && (user.lagMs ?? 0) > lagMsMax);
  return {
    ...report,
    behindCount: report.users - report.standings.replicated,
    lagMs,
    // The oldest change may be that of a user who was not asked about.
    obstacles: obstaclesOf(report, Math.max(late.length, (lagMs ?? 0) > lagMsMax ? 1 : 0)),
  };
}

function judgeUser(
  user: UserReport,
  channel: ChannelReport | undefined,
  now: number,
): Omit<UserHealth, 'sync'> {
  const state = stateOf(user, channel);
  return {
    ...user,
    state,
    lagMs: span(user.requestedAt, now),
    why: whyOf(user, state, channel),
    remedy: remedyOf(user, state, channel),
  };
}

function stateOf(user: UserReport, channel: ChannelReport | undefined): UserState {
  if (user.running) return 'running';
  if (user.standing === 'quarantined') return 'quarantined';
  if (user.standing === 'paused' || channel?.paused === true) return 'paused';
  if (channel !== undefined && channel.breaker.state !== 'closed') return 'held';
  if (user.standing === 'behind' || user.standing === 'replicated') return 'waiting';
  return user.standing;
}

function whyOf(user: UserReport, state: UserState, channel: ChannelReport | undefined): string {
  if (state === 'held') return `the peer is down: ${channel?.breaker.lastReason ?? 'no answer'}`;
  if (state === 'paused')
    return user.standing === 'paused' ? 'a person has paused this user' : 'a person has paused the channel';
  if (user.failure !== undefined) return user.failure.reason;
  if (state === 'running') return 'is being synced now';
  if (state === 'never synced') return 'waits for its first sync, a full one';
  if (state === 'not known')
    return 'mail may have changed while dsyncd was not listening; a sync will find out';
  if (state === 'unproven')
    return 'the last sync ended well, but changes came so close to it that flags may differ; a full sync will prove';
  if (state === 'changing') return `the mail changed during ${user.quickRetriesInRow} syncs in a row`;
  return user.priority === 'none' ? 'due by its full sync interval' : `queued with priority ${user.priority}`;
}

function remedyOf(
  user: UserReport,
  state: UserState,
  channel: ChannelReport | undefined,
): string | undefined {
  switch (state) {
    case 'quarantined': {
      const release = `dsyncadm replicator replicate ${shellQuoted(user.user)}`;
      const hint = user.failure?.hint;
      return hint === undefined ? `run \`${release}\` to try again` : `${hint}; then run \`${release}\``;
    }
    case 'held':
      return `see to the host behind ${channel?.replica || 'the channel'}; its users follow by themselves`;
    case 'failing':
      return user.failure?.hint ?? 'it is tried again by itself';
    case 'paused':
      return user.standing === 'paused'
        ? 'the dashboard, or POST /v1/resume of the HTTP API, lets the user go on'
        : `the dashboard, or POST /v1/channels/${user.channel}/resume of the HTTP API, lets it go on`;
    case 'changing':
      return 'it settles when the mail is at rest for a moment; if it never does, `dsyncadm replicator replicate -f` compares everything';
    case 'never synced':
    case 'not known':
    case 'unproven':
    case 'running':
    case 'waiting':
      // Of the last try, as the reason is.
      return user.failure?.hint;
  }
}

const shellQuoted = (text: string): string =>
  /^[\w@.+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const urgency: readonly UserState[] = [
  'quarantined',
  'failing',
  'held',
  'paused',
  'changing',
  'running',
  'waiting',
  'unproven',
  'not known',
  'never synced',
];

/** Who needs a person comes first, then who has waited longest. */
function byUrgency(a: UserHealth, b: UserHealth): number {
  const groupOf = (user: UserHealth): number => (user.state === 'quarantined' ? 0 : 1);
  return (
    groupOf(a) - groupOf(b) ||
    (b.lagMs ?? 0) - (a.lagMs ?? 0) ||
    urgency.indexOf(a.state) - urgency.indexOf(b.state) ||
    (a.user < b.user ? -1 : 1)
  );
}

/** A clock that was set back must not make a lag negative. */
const span = (at: number | undefined, now: number): number | undefined =>
  at === undefined ? undefined : Math.max(0, now - at);

export interface HealthOptions extends ReplicatorOptions {
  /** Users to check. Default: all. */
  readonly mask?: string;
  /** Seconds; a change that waits longer is a problem. Default 300. */
  readonly lagMax?: number;
}

/** What a replicator says of itself, judged. */
export const readHealth = (context: CommandContext, options: HealthOptions): Promise<ReplicationHealth> =>
  withReplicator(context, options, (client) => healthOf(client, context.clock.now, options));

/** The same on a connection that is open already. */
export async function healthOf(
  client: ReplicatorClient,
  now: () => number,
  { mask = '*', lagMax = 300, channel: wanted }: HealthOptions,
): Promise<ReplicationHealth> {
  const channels = await client.channels();
  const behind = await client.behind(mask);
  const problems = await client.problems();
  const consumers = await client.consumers();
  const syncs = behind.some(({ running }) => running) ? await client.syncs() : [];
  return judgeHealth({
    channels: channels.filter(({ channel }) => wanted === undefined || channel === wanted),
    behind,
    problems,
    consumers,
    syncs,
    now: now(),
    lagMsMax: lagMax * 1000,
  });
}
