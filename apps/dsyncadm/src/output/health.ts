import { countOf, formatSpan, isReplicated, standings } from '@dsyncd/core';
import type { BackendView, FleetAnswer } from '@dsyncd/http-api/answers';
import type { SyncReport } from '@dsyncd/protocol';
import type { ChannelHealth, ReplicationHealth, UserHealth } from '../replication-health.ts';
import { consumerJson, consumerLines } from './consumers.ts';
import { type Column, formatInstant, formatList, instantOrNull, printable } from './table.ts';

export interface HealthTextOptions {
  /** Unix milliseconds. */
  readonly now: number;
  /** Users to show; the rest is counted. */
  readonly usersMax: number;
}

/** The answer at a glance: a line a channel, then who is behind, since when, why and what to do. */
export function healthText(health: ReplicationHealth, options: HealthTextOptions): string {
  const shown = health.behind.slice(0, options.usersMax);
  const hiddenCount = health.behind.length - shown.length;
  return [
    ...health.problems.flatMap(({ check, message, remedy }) => [
      `this host, ${check}: ${message}`,
      `  do:  ${remedy}`,
    ]),
    ...health.channels.flatMap((channel) => channelLines(channel, health, options.now)),
    ...health.consumers.flatMap((consumer) => consumerLines(consumer, options.now)),
    ...(shown.length === 0 ? [] : ['']),
    ...shown.flatMap((user) => userLines(user, options.now)),
    ...(hiddenCount === 0 ? [] : [`... and ${countOf(hiddenCount, 'more user')}: --limit shows more`]),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

function channelLines(channel: ChannelHealth, { problems }: ReplicationHealth, now: number): string[] {
  const summary = channelSummary(channel, problems.length > 0);
  const lines = [`channel ${channel.channel} to ${channel.replica || '(no replica)'}: ${summary}`];
  const { breaker } = channel;
  if (breaker.state === 'closed') return lines;
  const next = breaker.retryAt === undefined ? '' : `, next try ${inSpan(breaker.retryAt - now)}`;
  lines.push(
    `  peer down: ${countOf(breaker.consecutiveFailures, 'failure')} in a row${next}` +
      (breaker.lastReason === undefined ? '' : `: ${breaker.lastReason}`),
  );
  return lines;
}

/** @param hasProblems - changes may not have come to the queue at all */
function channelSummary(channel: ChannelHealth, hasProblems: boolean): string {
  const { users, lagMs, running, standings: counts } = channel;
  if (users === 0) return 'NOT known: no users are known yet';
  if (isReplicated(channel))
    return hasProblems
      ? `all that the queue knows of is replicated (${countOf(users, 'user')})`
      : `everything is replicated (${countOf(users, 'user')})`;
  const parts = [`${counts.replicated} of ${countOf(users, 'user')} replicated`];
  for (const standing of standings)
    if (standing !== 'replicated' && counts[standing] > 0)
      parts.push(`${counts[standing]} ${standing}${standing === 'never synced' ? guess(channel) : ''}`);
  if (channel.paused) parts.push('the channel is PAUSED');
  if (lagMs !== undefined) parts.push(`oldest change ${formatSpan(lagMs)} ago`);
  if (running > 0) parts.push(`${running} being synced`);
  return parts.join(', ');
}

const guess = ({ firstSyncsLeftMs }: ChannelHealth): string =>
  firstSyncsLeftMs === undefined ? '' : ` (about ${formatSpan(firstSyncsLeftMs)} left)`;

function userLines(user: UserHealth, now: number): string[] {
  const facts = [`${user.state}`];
  if (user.lagMs !== undefined)
    facts.push(`behind for ${formatSpan(user.lagMs)} since ${formatInstant(now - user.lagMs)}`);
  else if (user.lastSuccessAt !== undefined)
    facts.push(`last success ${formatSpan(now - user.lastSuccessAt)} ago`);
  else facts.push('never replicated');
  if (user.sync !== undefined) facts.push(syncText(user.sync, now));
  if (user.failuresInRow > 0) facts.push(`${countOf(user.failuresInRow, 'failure')} in a row`);
  const isWaiting = !['running', 'quarantined', 'paused'].includes(user.state);
  if (isWaiting && user.nextSyncAt !== undefined) facts.push(`next try ${inSpan(user.nextSyncAt - now)}`);
  const lines = [`${user.user} (${user.channel}): ${facts.join(', ')}`, `  why: ${user.why}`];
  if (user.remedy !== undefined) lines.push(`  do:  ${user.remedy}`);
  return lines;
}

function syncText(sync: SyncReport, now: number): string {
  const { type, startedAt, mails, bytes = 0, mailboxesDone, mailboxesTotal } = sync;
  const moved =
    mails === undefined ? '' : `, ${countOf(mails, 'mail')} and ${(bytes / 1e6).toFixed(1)} MB so far`;
  const compared =
    mailboxesTotal === undefined
      ? ''
      : `, ${mailboxesDone} of ${countOf(mailboxesTotal, 'mailbox', 'mailboxes')} compared`;
  return `${type} sync for ${formatSpan(now - startedAt)}${compared}${moved}`;
}

const inSpan = (spanMs: number): string => (spanMs <= 0 ? 'now' : `in ${formatSpan(spanMs)}`);

/** The health for programs: instants in ISO 8601, spans in seconds, null for never. */
export const healthJson = (health: ReplicationHealth): object => ({
  healthy: health.isHealthy,
  problems: health.problems,
  channels: health.channels.map((channel) => ({
    channel: channel.channel,
    replica: channel.replica,
    users: channel.users,
    behind: channel.behindCount,
    standings: channel.standings,
    paused: channel.paused,
    obstacles: channel.obstacles,
    lagSeconds: seconds(channel.lagMs),
    running: channel.running,
    firstSyncsLeftSeconds: seconds(channel.firstSyncsLeftMs),
    queued: {
      sync: channel.queuedSync,
      high: channel.queuedHigh,
      low: channel.queuedLow,
      failed: channel.queuedFailed,
      fullResync: channel.queuedFullResync,
    },
    quarantined: channel.quarantined,
    breaker: {
      state: channel.breaker.state,
      failuresInRow: channel.breaker.consecutiveFailures,
      retryAt: instantOrNull(channel.breaker.retryAt),
      reason: channel.breaker.lastReason ?? null,
    },
  })),
  consumers: health.consumers.map((consumer) => consumerJson(consumer)),
  behind: health.behind.map((user) => ({
    username: user.user,
    channel: user.channel,
    state: user.state,
    priority: user.priority,
    lagSeconds: seconds(user.lagMs),
    requestedAt: instantOrNull(user.requestedAt),
    lastSuccessAt: instantOrNull(user.lastSuccessAt),
    nextSyncAt: instantOrNull(user.nextSyncAt),
    failuresInRow: user.failuresInRow,
    code: user.failure?.code ?? null,
    sync:
      user.sync === undefined
        ? null
        : {
            type: user.sync.type,
            startedAt: instantOrNull(user.sync.startedAt),
            mails: user.sync.mails ?? null,
            bytes: user.sync.bytes ?? null,
          },
    why: user.why,
    remedy: user.remedy ?? null,
  })),
});

const seconds = (spanMs: number | undefined): number | null =>
  spanMs === undefined ? null : Math.round(spanMs) / 1000;

const text = (title: string): Column => ({ title });
const number = (title: string): Column => ({ title, alignsRight: true });

const channelColumns: readonly Column[] = [
  ...['backend', 'channel', 'state'].map(text),
  ...['users', 'behind', 'oldest', 'sync', 'high', 'low', 'failed', 'held', 'running'].map(number),
];
const replicatorColumns: readonly Column[] = [
  ...['backend', 'replicator'].map(text),
  ...['pid', 'up', 'last sign', 'running'].map(number),
  text('state'),
];

/** Two tables: what waits in each queue, and who serves it. */
export function fleetText({ backends }: FleetAnswer, now: number): string {
  if (backends.length === 0) return 'no backend has a queue there\n';
  const channels = formatList(channelColumns, backends.flatMap(channelRows));
  const replicators = formatList(
    replicatorColumns,
    backends.flatMap((backend) => replicatorRows(backend, now)),
  );
  return `${channels}\n${replicators}`;
}

const channelRows = ({ backend, channels }: BackendView): string[][] =>
  channels.map(({ channel, paused, breaker, queued, oldestRequestAt, oldestLagSeconds, ...counts }) => [
    backend,
    channel,
    paused ? 'paused' : breaker.state === 'closed' ? 'replicating' : 'replica not reachable',
    String(counts.users),
    String(counts.usersBehind),
    oldestRequestAt === undefined ? '-' : formatSpan(oldestLagSeconds * 1000),
    String(queued.sync),
    String(queued.high),
    String(queued.low),
    String(queued.failed),
    String(queued.quarantined),
    String(counts.running),
  ]);

function replicatorRows({ backend, seenAt, replicators }: BackendView, now: number): string[][] {
  const since = (instant: string): string => formatSpan(now - Date.parse(instant));
  if (replicators.length === 0) return [[backend, '-', '-', '-', since(seenAt), '-', 'NO REPLICATOR']];
  return replicators.map((each) => [
    backend,
    each.hostname,
    String(each.pid),
    since(each.startedAt),
    since(each.seenAt),
    String(each.running),
    each.alive ? 'alive' : 'SILENT',
  ]);
}
