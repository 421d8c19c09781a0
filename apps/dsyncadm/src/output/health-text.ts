import { countOf, formatSpan, isReplicated, standings } from '@dsyncd/core';
import type { SyncReport } from '@dsyncd/protocol';
import type { ChannelHealth, ReplicationHealth, UserHealth } from '../replication-health.ts';
import { formatInstant } from './durations.ts';
import { printable } from './table.ts';

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
