/**
 * What dsyncd adds to Dovecot's replicator-doveadm protocol: channels, lag, the breaker, and why a
 * user is behind. Same socket, same tab-escaped lines; stock clients never send these commands.
 *
 * A server that knows them greets with minor version {@link replicatorExtensionMinor}; stock
 * clients look at the major version only. This file deals with the fields of a line, after
 * unescaping; `../lines.ts` splits and escapes.
 *
 * | command | answer |
 * |---|---|
 * | `CHANNEL NAME` | `+`, or `-No such channel`; STATUS, STATUS-DSYNC, REPLICATE, ADD, REMOVE, USERS and SYNCS of this connection are from now on about that channel only |
 * | `CHANNELS` | a line a channel: {@link encodeChannelReport}; then an empty line |
 * | `USERS MASK FLAGS` | a line for each matching user and channel: {@link encodeUserReport}; then an empty line; FLAGS with `b`: only users who do not stand as replicated |
 * | `SYNCS` | a line for each running sync: {@link encodeSyncReport}; then an empty line |
 * | `PROBLEMS` | from minor version {@link problemsMinor} on; a line for each thing that is wrong with the host: {@link HostProblem}; then an empty line |
 * | `CONSUMERS` | from minor version {@link consumersMinor} on; a line for each consumer of the change feed: {@link encodeConsumerReport}; then an empty line |
 *
 * Without `CHANNEL` all commands are about every channel: REPLICATE, ADD and REMOVE act on all,
 * STATUS counts all.
 *
 * A report line is a name, then `key=value` fields in any order. A key that is missing means
 * "never", "none" or 0; unknown keys are skipped, so that either end may be newer. Instants are
 * Unix milliseconds.
 */

import {
  type ChannelStatus,
  priorities,
  type RunningSync,
  type Standing,
  standingCounts,
  standings,
  syncTypes,
  type UserStatus,
} from '@dsyncd/core';
import { optional, pairs, readReport, reportTextCharsMax } from './report-fields.ts';

/** Minor version of the greeting of a server that knows this extension. */
export const replicatorExtensionMinor = 1;
/** Minor version from which on a server knows PROBLEMS, too. */
export const problemsMinor = 2;
/** Minor version from which on a server knows CONSUMERS, too. */
export const consumersMinor = 3;

export type ExtensionCommand =
  | { readonly type: 'channel'; readonly channel: string }
  | { readonly type: 'channels' }
  | { readonly type: 'users'; readonly mask: string; readonly behindOnly: boolean }
  | { readonly type: 'syncs' }
  | { readonly type: 'problems' }
  | { readonly type: 'consumers' };

/** Something that is wrong with the host of a dsyncd, and stands in the way of its replication. */
export interface HostProblem {
  /** Which check found it; as `dsyncadm doctor` names it. */
  readonly check: string;
  readonly message: string;
  readonly remedy: string;
}

export const encodeHostProblem = ({ check, message, remedy }: HostProblem): string[] => [
  check,
  message.slice(0, reportTextCharsMax),
  remedy.slice(0, reportTextCharsMax),
];

export const decodeHostProblem = ([
  check = '',
  message = '',
  remedy = '',
]: readonly string[]): HostProblem => ({ check, message, remedy });

/** One channel, as of the moment of the answer, and where its mail goes. */
export interface ChannelReport extends ChannelStatus {
  /** `mail_replica` as configured. */
  readonly replica: string;
  /** How long the first syncs of the users that were never synced take yet, in milliseconds; missing: not known. */
  readonly firstSyncsLeftMs?: number;
}

/** One user on one channel. */
export interface UserReport extends Omit<UserStatus, 'user'> {
  readonly channel: string;
  /** As the other end says it. */
  readonly user: string;
}

export interface SyncReport extends Omit<RunningSync, 'user'> {
  readonly user: string;
  /** Mails and bytes that it has moved by now, both ways; missing: its engine does not count. */
  readonly mails?: number;
  readonly bytes?: number;
  /** Mailboxes compared by now, and all; missing until that is known. */
  readonly mailboxesDone?: number;
  readonly mailboxesTotal?: number;
}

export function encodeExtensionCommand(command: ExtensionCommand): string[] {
  switch (command.type) {
    case 'channel':
      return ['CHANNEL', command.channel];
    case 'channels':
      return ['CHANNELS'];
    case 'users':
      return ['USERS', command.mask, command.behindOnly ? 'b' : ''];
    case 'syncs':
      return ['SYNCS'];
    case 'problems':
      return ['PROBLEMS'];
    case 'consumers':
      return ['CONSUMERS'];
  }
}

/** The command, or undefined when these fields are not of this extension. */
export function decodeExtensionCommand(fields: readonly string[]): ExtensionCommand | undefined {
  const [name, first, second] = fields;
  if (name === 'CHANNELS' && fields.length === 1) return { type: 'channels' };
  if (name === 'PROBLEMS' && fields.length === 1) return { type: 'problems' };
  if (name === 'CONSUMERS' && fields.length === 1) return { type: 'consumers' };
  if (name === 'SYNCS' && fields.length === 1) return { type: 'syncs' };
  if (name === 'CHANNEL' && fields.length === 2 && first) return { type: 'channel', channel: first };
  if (name === 'USERS' && first && fields.length <= 3)
    return { type: 'users', mask: first, behindOnly: second?.includes('b') ?? false };
  return undefined;
}

export const encodeChannelReport = (report: ChannelReport): string[] => [
  report.channel,
  ...pairs({
    replica: report.replica,
    queued_sync: report.queuedSync,
    queued_high: report.queuedHigh,
    queued_low: report.queuedLow,
    queued_failed: report.queuedFailed,
    queued_full_resync: report.queuedFullResync,
    quarantined: report.quarantined,
    paused_users: report.pausedUsers,
    running: report.running,
    users: report.users,
    paused: Number(report.paused),
    ...Object.fromEntries(standings.map((standing) => [keyOf(standing), report.standings[standing]])),
    oldest_request: report.oldestRequestAt,
    first_syncs_left: report.firstSyncsLeftMs,
    breaker: report.breaker.state,
    breaker_failures: report.breaker.consecutiveFailures,
    breaker_retry: report.breaker.retryAt,
    breaker_reason: report.breaker.lastReason,
  }),
];

/** @throws {DsyncdError} `DSYNCD_REPLICATOR_ANSWER` when the fields are no channel report. */
export function decodeChannelReport(fields: readonly string[]): ChannelReport {
  const { name, values } = readReport(fields);
  return {
    channel: name,
    replica: values.text('replica') ?? '',
    queuedSync: values.count('queued_sync'),
    queuedHigh: values.count('queued_high'),
    queuedLow: values.count('queued_low'),
    queuedFailed: values.count('queued_failed'),
    queuedFullResync: values.count('queued_full_resync'),
    quarantined: values.count('quarantined'),
    pausedUsers: values.count('paused_users'),
    running: values.count('running'),
    users: values.count('users'),
    paused: values.count('paused') > 0,
    standings: standingCounts((standing) => values.count(keyOf(standing))),
    oldestRequestAt: values.number('oldest_request'),
    ...optional('firstSyncsLeftMs', values.number('first_syncs_left')),
    breaker: {
      state: values.oneOf('breaker', ['closed', 'open', 'half-open']),
      consecutiveFailures: values.count('breaker_failures'),
      retryAt: values.number('breaker_retry'),
      lastReason: values.text('breaker_reason'),
    },
  };
}

export const encodeUserReport = (report: UserReport): string[] => [
  report.user,
  ...pairs({
    channel: report.channel,
    priority: report.priority,
    fast: report.lastFastSyncAt,
    full: report.lastFullSyncAt,
    success: report.lastSuccessAt,
    failed: Number(report.failed),
    quarantined: Number(report.quarantined),
    paused: Number(report.paused),
    running: Number(report.running),
    requested: report.requestedAt,
    next: report.nextSyncAt,
    failures: report.failuresInRow,
    standing: report.standing,
    quick_retries: report.quickRetriesInRow,
    code: report.failure?.code,
    reason: report.failure?.reason,
    hint: report.failure?.hint,
  }),
];

/** @throws {DsyncdError} `DSYNCD_REPLICATOR_ANSWER` when the fields are no user report. */
export function decodeUserReport(fields: readonly string[]): UserReport {
  const { name, values } = readReport(fields);
  const code = values.text('code');
  const hint = values.text('hint');
  return {
    user: name,
    channel: values.text('channel') ?? 'default',
    priority: values.oneOf('priority', priorities),
    lastFastSyncAt: values.number('fast'),
    lastFullSyncAt: values.number('full'),
    lastSuccessAt: values.number('success'),
    failed: values.count('failed') > 0,
    quarantined: values.count('quarantined') > 0,
    paused: values.count('paused') > 0,
    running: values.count('running') > 0,
    requestedAt: values.number('requested'),
    nextSyncAt: values.number('next'),
    failuresInRow: values.count('failures'),
    // A dsyncd that does not say has not proved anything.
    standing: values.oneOf('standing', ['not known', ...standings]),
    quickRetriesInRow: values.count('quick_retries'),
    failure: code === undefined ? undefined : { code, reason: values.text('reason') ?? '', hint },
  };
}

/** `standing_never_synced` and the like: how many users of a channel stand like that. */
const keyOf = (standing: Standing): string => `standing_${standing.replaceAll(' ', '_')}`;

export const encodeSyncReport = (report: SyncReport): string[] => [
  report.user,
  ...pairs({
    channel: report.channel,
    type: report.type,
    priority: report.priority,
    started: report.startedAt,
    mails: report.mails,
    bytes: report.bytes,
    mailboxes_done: report.mailboxesDone,
    mailboxes_total: report.mailboxesTotal,
  }),
];

/** @throws {DsyncdError} `DSYNCD_REPLICATOR_ANSWER` when the fields are no sync report. */
export function decodeSyncReport(fields: readonly string[]): SyncReport {
  const { name, values } = readReport(fields);
  return {
    user: name,
    channel: values.text('channel') ?? 'default',
    ...optional('mails', values.number('mails')),
    ...optional('bytes', values.number('bytes')),
    ...optional('mailboxesDone', values.number('mailboxes_done')),
    ...optional('mailboxesTotal', values.number('mailboxes_total')),
    type: values.oneOf('type', syncTypes),
    priority: values.oneOf('priority', priorities),
    startedAt: values.count('started'),
  };
}
