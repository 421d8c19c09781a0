import { counted, durationText, secondsSince } from './ages.ts';
import type { Channel, Status } from './answers.ts';

/** `busy`: changes are on their way, as they should. `late`: check it. `bad`: a person must act. */
export type Level = 'good' | 'busy' | 'late' | 'bad';

export interface Verdict {
  readonly level: Level;
  /** One sentence that answers "is everything replicated?". */
  readonly sentence: string;
  /** What is amiss, worst first, one sentence each. */
  readonly reasons: readonly string[];
  /** For a screen reader: the same without ages, so that it is only spoken when something changes. */
  readonly announcement: string;
}

/** A change that waits longer than this many seconds is late. */
export const lateSeconds = 60;

interface Finding {
  readonly level: Exclude<Level, 'good'>;
  readonly text: string;
}

/** @param now - Unix ms of the server's clock */
export function verdictOf(status: Status, now: number): Verdict {
  const findings = [
    ...(status.ready ? [] : [{ level: 'late', text: 'dsyncd is starting or stopping.' } as const]),
    ...status.problems.map(
      ({ message, remedy }): Finding => ({ level: 'bad', text: `This host: ${message}; ${remedy}.` }),
    ),
    ...status.channels.flatMap((channel) => findingsOf(channel, status.channels.length > 1)),
  ].sort((one, other) => weight[other.level] - weight[one.level]);
  const { channels, usersBehind } = status;
  const lag = Math.max(0, ...channels.map((channel) => secondsSince(channel.oldestRequestAt, now) ?? 0));
  const isLate = usersBehind > 0 && lag > lateSeconds;
  const level = worst([
    ...findings.map((finding) => finding.level),
    isLate ? 'late' : usersBehind > 0 ? 'busy' : 'good',
  ]);
  const reasons = findings.map(({ text }) => text);
  const answer = answerOf(status, level);
  const age = usersBehind > 0 ? ` The oldest change has waited ${durationText(lag)}.` : '';
  return { level, sentence: `${answer}${age}`, reasons, announcement: [answer, ...reasons].join(' ') };
}

function answerOf({ channels, usersBehind }: Status, level: Level): string {
  if (channels.length === 0) return 'No channel is configured: nothing is replicated.';
  if (usersBehind > 0)
    return level === 'busy'
      ? `${counted(usersBehind, 'user has', 'users have')} changes on the way.`
      : `${counted(usersBehind, 'user is', 'users are')} behind.`;
  if (channels.every(({ replicated }) => replicated)) return 'Everything is replicated.';
  if (channels.some(({ users }) => users === 0)) return 'Not known: no users are known yet.';
  return 'Every known change is replicated, but some users are not proven equal yet.';
}

function findingsOf(channel: Channel, isOneOfMany: boolean): Finding[] {
  const { breaker, queued, paused, standings } = channel;
  const where = isOneOfMany ? ` on channel ${channel.channel}` : '';
  const findings: Finding[] = [];
  if (queued.quarantined > 0)
    findings.push({
      level: 'bad',
      text: `${counted(queued.quarantined, 'user is', 'users are')} held${where} until a person acts.`,
    });
  if (breaker.state !== 'closed') {
    const why = breaker.lastReason === undefined ? '' : `: ${breaker.lastReason}`;
    findings.push({ level: 'bad', text: `The replica ${channel.replica} does not answer${why}.` });
  }
  if (paused) findings.push({ level: 'late', text: `Channel ${channel.channel} is paused.` });
  if (queued.paused > 0)
    findings.push({
      level: 'late',
      text: `${counted(queued.paused, 'user is', 'users are')} paused${where}.`,
    });
  if (queued.failed > 0 && breaker.state === 'closed')
    findings.push({
      level: 'late',
      text: `The last sync of ${counted(queued.failed, 'user')} failed${where}; it is tried again.`,
    });
  if (channel.users === 0) findings.push({ level: 'late', text: `No users are known yet${where}.` });
  if (standings.changing > 0)
    findings.push({
      level: 'late',
      text: `The mail of ${counted(standings.changing, 'user')} changes during every sync${where}.`,
    });
  if (standings['never synced'] > 0)
    findings.push({
      level: 'late',
      text: `${counted(standings['never synced'], 'user was', 'users were')} never synced in full${where}.`,
    });
  if (standings['not known'] > 0)
    findings.push({
      level: 'late',
      text: `It is not known whether all mail of ${counted(standings['not known'], 'user')} is replicated${where}: a sync will find out.`,
    });
  return findings;
}

const weight: Readonly<Record<Level, number>> = { good: 0, busy: 1, late: 2, bad: 3 };

const worst = (levels: readonly Level[]): Level =>
  levels.reduce((one, other) => (weight[other] > weight[one] ? other : one), 'good');
