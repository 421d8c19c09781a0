import type { CommandContext } from '../context.ts';
import { judgeHealth, type ReplicationHealth } from '../replication-health.ts';
import type { ReplicatorClient } from './client.ts';
import { type ReplicatorOptions, withReplicator } from './options.ts';

export interface HealthOptions extends ReplicatorOptions {
  /** Users to look at. Default: all. */
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
  const syncs = behind.some(({ running }) => running) ? await client.syncs() : [];
  return judgeHealth({
    channels: channels.filter(({ channel }) => wanted === undefined || channel === wanted),
    behind,
    problems,
    syncs,
    now: now(),
    lagMsMax: lagMax * 1000,
  });
}
