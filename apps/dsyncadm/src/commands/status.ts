import type { Command } from 'commander';
import { addHelpParts, addJsonOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/whole-number.ts';
import { healthJson } from '../output/health-json.ts';
import { healthText } from '../output/health-text.ts';
import type { ReplicationHealth } from '../replication-health.ts';
import { readHealth } from '../replicator/health.ts';
import { addReplicatorOptions, type ReplicatorOptions, replicatorExits } from '../replicator/options.ts';

interface Options extends ReplicatorOptions {
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
    .argument('[mask]', 'users to look at; * is any text, ? one character', '*')
    .option('--limit <count>', 'users to show', parseWholeNumber, 20)
    .option('--lag-max <seconds>', 'a change that waits longer is a problem', parseWholeNumber, 300);
  addHelpParts(addJsonOption(addReplicatorOptions(command)), {
    examples: ['status', "status '*@example.com' --limit 100", 'status --json --lag-max 60'],
    exits: ['behind', ...replicatorExits],
  });
  command.action((mask: string, options: Options) => showStatus(context, mask, options));
}

async function showStatus(context: CommandContext, mask: string, options: Options): Promise<void> {
  const { terminal, clock } = context;
  const now = clock.now();
  const health = await readHealth(context, { ...options, mask });
  if (options.json) await terminal.printJson(healthJson(health));
  else await terminal.print(healthText(health, { now, usersMax: options.limit }));
  context.exitWith(exitCodeOfHealth(health));
}

const exitCodeOfHealth = ({ isHealthy }: ReplicationHealth): number =>
  isHealthy ? exitCodes.ok : exitCodes.behind;
