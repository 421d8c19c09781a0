import type { ChannelReport, UserReport } from '@dsyncd/protocol';

/** What `dsyncadm status` found out. */
export interface ReplicationHealth {
  /** Nothing failed, nothing is held, and no change waits longer than it should. */
  readonly isHealthy: boolean;
  readonly channels: readonly ChannelHealth[];
  /** Those who are behind, the one who waits longest first. */
  readonly behind: readonly UserHealth[];
}

export interface ChannelHealth extends ChannelReport {
  readonly behindCount: number;
  /** How long the oldest change of the channel has waited; undefined when nothing waits. */
  readonly lagMs: number | undefined;
}

export interface UserHealth extends UserReport {
  readonly state: UserState;
  /** How long the user's oldest change has waited; undefined when only a periodic sync is missing. */
  readonly lagMs: number | undefined;
  readonly why: string;
  readonly remedy: string | undefined;
}

/** From "needs a person" to "takes care of itself". */
export type UserState = 'quarantined' | 'failing' | 'held' | 'running' | 'waiting';

export interface HealthInput {
  readonly channels: readonly ChannelReport[];
  readonly behind: readonly UserReport[];
  /** Unix milliseconds. */
  readonly now: number;
  /** A change that waits longer than this makes replication unhealthy. */
  readonly lagMsMax: number;
}

/** Judges the reports of a replicator. Pure. */
export function judgeHealth({ channels, behind, now, lagMsMax }: HealthInput): ReplicationHealth {
  const openChannels = new Map(
    channels.filter(({ breaker }) => breaker.state !== 'closed').map((report) => [report.channel, report]),
  );
  const users = behind.map((user) => judgeUser(user, openChannels.get(user.channel), now)).sort(byUrgency);
  const judgedChannels = channels.map((report) => judgeChannel(report, users, now));
  return {
    isHealthy:
      users.every(({ state, lagMs }) => isSelfHealing(state) && (lagMs ?? 0) <= lagMsMax) &&
      judgedChannels.every(({ breaker, lagMs }) => breaker.state !== 'open' && (lagMs ?? 0) <= lagMsMax),
    channels: judgedChannels,
    behind: users,
  };
}

const isSelfHealing = (state: UserState): boolean => state === 'running' || state === 'waiting';

function judgeChannel(report: ChannelReport, users: readonly UserHealth[], now: number): ChannelHealth {
  return {
    ...report,
    behindCount: users.filter(({ channel }) => channel === report.channel).length,
    lagMs: span(report.oldestRequestAt, now),
  };
}

function judgeUser(user: UserReport, openChannel: ChannelReport | undefined, now: number): UserHealth {
  const state = stateOf(user, openChannel);
  return {
    ...user,
    state,
    lagMs: span(user.requestedAt, now),
    why: whyOf(user, state, openChannel),
    remedy: remedyOf(user, state, openChannel),
  };
}

function stateOf(user: UserReport, openChannel: ChannelReport | undefined): UserState {
  if (user.running) return 'running';
  if (user.quarantined) return 'quarantined';
  if (openChannel !== undefined) return 'held';
  return user.failed ? 'failing' : 'waiting';
}

function whyOf(user: UserReport, state: UserState, openChannel: ChannelReport | undefined): string {
  if (state === 'held') return `the peer is down: ${openChannel?.breaker.lastReason ?? 'no answer'}`;
  if (user.failure !== undefined) return user.failure.reason;
  if (state === 'running') return 'is being synced now';
  return user.priority === 'none' ? 'due by its full sync interval' : `queued with priority ${user.priority}`;
}

function remedyOf(
  user: UserReport,
  state: UserState,
  openChannel: ChannelReport | undefined,
): string | undefined {
  switch (state) {
    case 'quarantined': {
      const release = `dsyncadm replicator replicate ${shellQuoted(user.user)}`;
      const hint = user.failure?.hint;
      return hint === undefined ? `run \`${release}\` to try again` : `${hint}; then run \`${release}\``;
    }
    case 'held':
      return `see to the host behind ${openChannel?.replica || 'the channel'}; its users follow by themselves`;
    case 'failing':
      return user.failure?.hint ?? 'it is tried again by itself';
    case 'running':
    case 'waiting':
      // Of the last try, as the reason is.
      return user.failure?.hint;
  }
}

const shellQuoted = (text: string): string =>
  /^[\w@.+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const urgency: readonly UserState[] = ['quarantined', 'failing', 'held', 'running', 'waiting'];

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
