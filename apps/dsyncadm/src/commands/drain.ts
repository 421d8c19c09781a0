import { countOf, formatSpan } from '@dsyncd/core';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addHelpParts, addJsonOption, exitCodes } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import { healthJson, healthText } from '../output/health.ts';
import type { ReplicationHealth } from '../replication-health.ts';
import { healthOf } from '../replication-health.ts';
import type { ReplicatorClient } from '../replicator/client.ts';
import { addSocketOption, type ReplicatorOptions, replicatorExits, withReplicator } from './replicator.ts';

interface Options extends ReplicatorOptions {
  readonly timeout: number;
  readonly retry?: boolean;
  readonly json?: boolean;
}

/** How often the replicator is asked. */
const pollMs = 250;

export function registerDrain(parent: Command, context: CommandContext): void {
  const command = parent
    .command('drain')
    .summary('wait until nothing is left to replicate')
    .description(
      'Wait until nothing is left to replicate from this host; otherwise say who is behind, and why. For planned ' +
        'work: stop the mail services of this host first, then drain, then take it down. Quarantined users ' +
        'are not waited for, as only a person can help them.',
    )
    .argument('[channel]', 'only this channel; otherwise all of them')
    .option('--timeout <seconds>', 'how long to wait at most', parseWholeNumber, 300)
    .option('--retry', 'sync users whose last sync failed at once, instead of at their next try');
  addHelpParts(addJsonOption(addSocketOption(command)), {
    examples: ['drain', 'drain --timeout 60 --retry', 'drain offsite --json'],
    exits: ['behind', ...replicatorExits],
  });
  command.action((channel: string | undefined, options: Omit<Options, 'channel'>) =>
    drain(context, { ...options, channel }),
  );
}

async function drain(context: CommandContext, options: Options): Promise<void> {
  const { terminal, clock } = context;
  const startedAt = performance.now();
  const health = await withReplicator(context, options, (client) => waitForQuiet(context, client, options));
  const spentMs = performance.now() - startedAt;
  terminal.progress('');
  const drained = isQuiet(health);
  if (options.json)
    await terminal.printJson({ drained, seconds: Math.round(spentMs) / 1000, ...healthJson(health) });
  else {
    await terminal.print(healthText(health, { now: clock.now(), usersMax: 20 }));
    await terminal.print(
      drained ? `drained in ${formatSpan(spentMs)}\n` : `not drained after ${formatSpan(spentMs)}\n`,
    );
  }
  context.exitWith(drained ? exitCodes.ok : exitCodes.behind);
}

export async function waitForQuiet(
  { terminal, clock }: CommandContext,
  client: ReplicatorClient,
  options: Pick<Options, 'channel' | 'timeout' | 'retry'>,
  signal?: AbortSignal,
): Promise<ReplicationHealth> {
  const deadline = performance.now() + options.timeout * 1000;
  const look = (): Promise<ReplicationHealth> => healthOf(client, clock.now, options);
  let health = await look();
  if (options.retry)
    for (const { user, state } of health.behind)
      if (state === 'failing') await client.replicate({ mask: user, priority: 'high', full: false });
  while (
    signal?.aborted !== true &&
    !isQuiet(health) &&
    !isHopeless(health) &&
    performance.now() < deadline
  ) {
    terminal.progress(`${countOf(health.behind.length, 'user')} behind`);
    await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
    health = await look();
  }
  return health;
}

const isQuiet = ({ behind, channels }: ReplicationHealth): boolean =>
  behind.length === 0 && channels.every(({ running, lagMs }) => running === 0 && lagMs === undefined);

/** Nobody is left but those who wait for a person: held, or paused. */
const isHopeless = ({ behind, channels }: ReplicationHealth): boolean =>
  behind.length > 0 &&
  behind.every(({ state }) => state === 'quarantined' || state === 'paused') &&
  channels.every(({ running }) => running === 0);
