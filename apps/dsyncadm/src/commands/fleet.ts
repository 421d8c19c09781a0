import type { BackendView, FleetAnswer } from '@dsyncd/http-api/answers';
import type { Command } from 'commander';
import { addHelpParts, addJsonOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { notPossible } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { fleetText } from '../output/fleet-text.ts';

interface Options {
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
  command.action((options: Options) => showFleet(context, options));
}

async function showFleet(context: CommandContext, { json }: Options): Promise<void> {
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
