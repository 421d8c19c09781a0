import type { BackendView, FleetAnswer } from '@dsyncd/http-api/answers';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { notPossible } from '../errors.ts';
import { addHelpParts, addJsonOption, exitCodes } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import { fleetText, healthJson, healthText } from '../output/health.ts';
import { type ReplicationHealth, readHealth } from '../replication-health.ts';
import { addReplicatorOptions, type ReplicatorOptions, replicatorExits } from './replicator.ts';

interface StatusOptions extends ReplicatorOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly lagMax: number;
}

export function registerStatus(parent: Command, context: CommandContext): void {
  const command = parent
    .command('status')
    .summary('is everything replicated; if not, who is behind, why, and what to do')
    .description(
      'Say whether everything is replicated; if not, who is behind, since when, why, and what to do. ' +
        'Users who need a person come first, then those who wait longest.',
    )
    .argument('[mask]', 'users to show; * is any text, ? one character', '*')
    .option('--limit <count>', 'users to show', parseWholeNumber, 20)
    .option('--lag-max <seconds>', 'a change that waits longer is a problem', parseWholeNumber, 300);
  addHelpParts(addJsonOption(addReplicatorOptions(command)), {
    examples: ['status', "status '*@example.com' --limit 100", 'status --json --lag-max 60'],
    exits: ['behind', ...replicatorExits],
  });
  command.action((mask: string, options: StatusOptions) => showStatus(context, mask, options));
}

async function showStatus(context: CommandContext, mask: string, options: StatusOptions): Promise<void> {
  const { terminal, clock } = context;
  const now = clock.now();
  const health = await readHealth(context, { ...options, mask });
  if (options.json) await terminal.printJson(healthJson(health));
  else await terminal.print(healthText(health, { now, usersMax: options.limit }));
  context.exitWith(exitCodeOfHealth(health));
}

const exitCodeOfHealth = ({ isHealthy }: ReplicationHealth): number =>
  isHealthy ? exitCodes.ok : exitCodes.behind;

interface FleetOptions {
  readonly json?: boolean;
}

export function registerFleet(parent: Command, context: CommandContext): void {
  const command = parent
    .command('fleet')
    .summary('show all backends on the Redis of the queue, with their replicators')
    .description(
      'Show all backends whose queues are on the Redis of [redis]: which replicators serve them, how much ' +
        'waits, and how long. It asks the Redis itself, so that it works while the dsyncd of this host is down.',
    );
  addHelpParts(addJsonOption(command), {
    examples: ['fleet', 'fleet --json'],
    exits: ['notPossible', 'needsPerson', 'temporary', 'permission', 'config'],
    ownExits: { [exitCodes.behind]: 'a backend has no replicator that lives' },
  });
  command.action((options: FleetOptions) => showFleet(context, options));
}

async function showFleet(context: CommandContext, { json }: FleetOptions): Promise<void> {
  const { terminal, clock } = context;
  const answer = await readFleet(context);
  if (json) await terminal.printJson(answer);
  else await terminal.print(fleetText(answer, clock.now()));
  context.exitWith(answer.backends.every(isServed) ? exitCodes.ok : exitCodes.behind);
}

const isServed = ({ replicators }: BackendView): boolean => replicators.some(({ alive }) => alive);

async function readFleet(context: CommandContext): Promise<FleetAnswer> {
  const { redis } = await context.config();
  if (redis === undefined)
    throw notPossible(
      'there is no fleet: the queue is on this host alone',
      '`dsyncadm status` shows it; a fleet has `queue = "redis"`',
    );
  const { readRedisAccess } = await import('@dsyncd/config');
  const { openFleet } = await import('@dsyncd/queue-redis');
  const { fleetView } = await import('@dsyncd/http-api/answers');
  const fleet = openFleet({ ...(await readRedisAccess(redis)), prefix: redis.prefix });
  try {
    return fleetView(await fleet.backends(), context.clock.now());
  } finally {
    fleet.close();
  }
}
