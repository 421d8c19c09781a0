import { type ChannelStatus, countOf, obstaclesOf } from '@dsyncd/core';
import type { ConsumerReport, HostProblem } from '@dsyncd/protocol';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Problem } from './decide-alerts.ts';

/** Users named in a message; beyond that only the number is given. */
const usersNamedMax = 5;
const reasonCharsMax = 300;

/** One replica relation, as far as an alert names it. */
export interface AlertChannel {
  readonly name: string;
  /** `mail_replica` as configured. */
  readonly replica: string;
}

type Readings = Pick<ReplicationQueue, 'channelStatus' | 'lagCounts' | 'userPage'>;

/** Everything that can be wrong. */
export interface AlertSubjects {
  readonly queue: Readings;
  readonly channels: readonly AlertChannel[];
  /** What is wrong with this host itself. */
  readonly host: readonly HostProblem[];
  /** Of the change feed. */
  readonly consumers: readonly ConsumerReport[];
}

/**
 * What is wrong now; one cause is one problem, whatever follows from it.
 * @param lagMs - a change that waits longer is a problem of its own
 */
export async function findProblems(
  { queue, channels, host, consumers }: AlertSubjects,
  lagMs: number,
): Promise<Problem[]> {
  const perChannel = await Promise.all(channels.map((channel) => problemsOf(queue, channel, lagMs)));
  return [...host.map(ofHost), ...perChannel.flat(), ...consumers.flatMap(ofConsumer)];
}

const ofHost = ({ check, message, remedy }: HostProblem): Problem => ({
  key: `host/${check}`,
  text: `${check}: ${message}`,
  hint: remedy,
});

const ofConsumer = ({ name, failure, failuresInRow }: ConsumerReport): Problem[] =>
  failure === undefined
    ? []
    : [
        {
          key: `consumer/${name}`,
          text: `consumer ${name} of the change feed failed ${countOf(failuresInRow, 'time')} in a row: ${shorten(failure.reason)}`,
          hint: failure.hint ?? 'it is tried again by itself',
        },
      ];

async function problemsOf(
  queue: Readings,
  { name, replica }: AlertChannel,
  lagMs: number,
): Promise<Problem[]> {
  const status = await queue.channelStatus(name);
  const [behind = 0, late = 0] = await queue.lagCounts(name, [-1, lagMs]);
  const found: Problem[] = [];
  if (status.quarantined > 0) found.push(await quarantineOf(queue, status));
  if (status.breaker.state !== 'closed') {
    found.push({
      key: `${name}/peer`,
      channel: name,
      text: `${replica} does not answer, ${countOf(behind, 'user')} behind: ${shorten(status.breaker.lastReason)}`,
      hint: 'check dsync-server and the network there; nothing is lost, and it goes on by itself',
    });
    return found;
  }
  if (status.queuedFailed > 0)
    found.push({
      key: `${name}/failed`,
      channel: name,
      text: `the last sync of ${countOf(status.queuedFailed, 'user')} failed`,
      hint: 'dsyncadm status lists them, and why',
    });
  // Changes of users who are quarantined or failing wait for that reason.
  const lateOnly = late - status.quarantined - status.queuedFailed;
  if (status.oldestRequestAt !== undefined && lateOnly > 0)
    found.push({
      key: `${name}/lag`,
      channel: name,
      text: `changes of ${countOf(lateOnly, 'user')} are not on ${replica} yet${status.paused ? ': the channel is paused' : ''}`,
      hint: status.paused
        ? `the dashboard, or POST /v1/channels/${name}/resume of the HTTP API, resumes it`
        : 'dsyncadm status lists them; more replication_max_conns may help',
      since: status.oldestRequestAt,
    });
  const rest = unexplained(status, status.paused && lateOnly > 0);
  if (rest.length > 0)
    found.push({
      key: `${name}/standing`,
      channel: name,
      text: rest.join(', '),
      hint: 'dsyncadm status lists them; users who were never synced, or whose changes may have been missed, are synced by themselves',
    });
  return found;
}

/** What else keeps the replica from taking over. */
function unexplained(status: ChannelStatus, isPauseReported: boolean): readonly string[] {
  const standings = { ...status.standings, failing: 0, quarantined: 0 };
  return obstaclesOf({ ...status, standings, paused: status.paused && !isPauseReported }, 0);
}

async function quarantineOf(
  queue: Pick<ReplicationQueue, 'userPage'>,
  { channel, quarantined }: ChannelStatus,
): Promise<Problem> {
  const query = { mask: '*', only: 'quarantined', limit: usersNamedMax } as const;
  const { users } = await queue.userPage(channel, query);
  const named = users.map(({ user, failure }) => `${user} (${shorten(failure?.reason)})`).join(', ');
  return {
    key: `${channel}/quarantine`,
    channel,
    text: `${countOf(quarantined, 'user')} quarantined: a person must help${named === '' ? '' : `: ${named}`}`,
    hint: users[0]?.failure?.hint ?? 'dsyncadm status says what to do',
  };
}

const shorten = (text = 'no reason is known'): string =>
  text.length > reasonCharsMax ? `${text.slice(0, reasonCharsMax)}…` : text;
