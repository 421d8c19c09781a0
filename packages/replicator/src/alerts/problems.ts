import { type ChannelStatus, countOf, obstaclesOf } from '@dsyncd/core';
import type { HostProblem } from '@dsyncd/protocol';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from '../channel.ts';
import type { Problem } from './alert-model.ts';

/** Named in a message; of more there is only the number. */
const usersNamedMax = 5;
const reasonCharsMax = 300;

type Readings = Pick<ReplicationQueue, 'channelStatus' | 'lagCounts' | 'userPage'>;

export interface Scene {
  readonly queue: Readings;
  readonly channels: readonly Channel[];
  /** What is wrong with this host itself. */
  readonly host: readonly HostProblem[];
}

/**
 * What is wrong now; one cause is one problem, whatever it brings with it.
 * @param lagMs - a change that waits longer is a problem of its own
 */
export async function findProblems({ queue, channels, host }: Scene, lagMs: number): Promise<Problem[]> {
  const perChannel = await Promise.all(channels.map((channel) => problemsOf(queue, channel, lagMs)));
  return [...host.map(ofHost), ...perChannel.flat()];
}

const ofHost = ({ check, message, remedy }: HostProblem): Problem => ({
  key: `host/${check}`,
  text: `${check}: ${message}`,
  hint: remedy,
});

async function problemsOf(queue: Readings, { name, replica }: Channel, lagMs: number): Promise<Problem[]> {
  const status = await queue.channelStatus(name);
  const [behind = 0, late = 0] = await queue.lagCounts(name, [-1, lagMs]);
  const found: Problem[] = [];
  if (status.quarantined > 0) found.push(await quarantineOf(queue, status));
  if (status.breaker.state !== 'closed') {
    found.push({
      key: `${name}/peer`,
      channel: name,
      text: `${replica} does not answer, ${countOf(behind, 'user')} behind: ${shorten(status.breaker.lastReason)}`,
      hint: 'look at dsync-server and the network there; nothing is lost, and it goes on by itself',
    });
    return found;
  }
  if (status.queuedFailed > 0)
    found.push({
      key: `${name}/failed`,
      channel: name,
      text: `the last sync of ${countOf(status.queuedFailed, 'user')} failed`,
      hint: 'dsyncadm status says whose, and why',
    });
  // Changes of users who are held or fail wait for that reason.
  const lateOnly = late - status.quarantined - status.queuedFailed;
  if (status.oldestRequestAt !== undefined && lateOnly > 0)
    found.push({
      key: `${name}/lag`,
      channel: name,
      text: `changes of ${countOf(lateOnly, 'user')} are not on ${replica} yet${status.paused ? ': the channel is paused' : ''}`,
      hint: status.paused
        ? `the dashboard, or POST /v1/channels/${name}/resume of the HTTP API, lets it go on`
        : 'dsyncadm status says whose; more replication_max_conns may help',
      since: status.oldestRequestAt,
    });
  const rest = unexplained(status, status.paused && lateOnly > 0);
  if (rest.length > 0)
    found.push({
      key: `${name}/standing`,
      channel: name,
      text: rest.join(', '),
      hint: 'dsyncadm status says whose; those who were never synced, or may have changed unheard, are synced by themselves',
    });
  return found;
}

/** What else keeps the replica from taking over. */
function unexplained(status: ChannelStatus, isPauseTold: boolean): readonly string[] {
  const standings = { ...status.standings, failing: 0, quarantined: 0 };
  return obstaclesOf({ ...status, standings, paused: status.paused && !isPauseTold }, 0);
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
    text: `${countOf(quarantined, 'user')} held until a person helps${named === '' ? '' : `: ${named}`}`,
    hint: users[0]?.failure?.hint ?? 'dsyncadm status says what to do',
  };
}

const shorten = (text = 'no reason is known'): string =>
  text.length > reasonCharsMax ? `${text.slice(0, reasonCharsMax)}…` : text;
