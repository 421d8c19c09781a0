import { type RequestPriority, requestPriorities } from '@dsyncd/core';
import { type Command, Option } from 'commander';
import { addHelpParts } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from '../replicator/options.ts';

interface Options extends ReplicatorOptions {
  readonly fullSync?: boolean;
  readonly priority: RequestPriority;
}

export function registerReplicatorReplicate(parent: Command, context: CommandContext): void {
  const command = parent
    .command('replicate')
    .summary('ask for a sync of users now')
    .description(
      'Ask for a sync of users now. With wildcards: of the known users that match. Releases users that ' +
        'are quarantined.',
    )
    .argument('<mask>', 'users; * is any text, ? one character')
    .option('-f, --full-sync', 'look at everything, whatever the last sync left')
    .addOption(
      new Option('-p, --priority <priority>', 'place in the queue').choices(requestPriorities).default('low'),
    );
  addHelpParts(addReplicatorOptions(command), {
    examples: ['replicator replicate ann@example.com', "replicator replicate -f -p high '*@example.com'"],
    exits: replicatorExits,
  });
  command.action((mask: string, options: Options) => replicate(context, mask, options));
}

async function replicate(context: CommandContext, mask: string, options: Options): Promise<void> {
  const { priority, fullSync } = options;
  const count = await withReplicator(context, options, (client) =>
    client.replicate({ mask, priority, full: fullSync === true }),
  );
  await context.terminal.print(`${count} users updated\n`);
}
