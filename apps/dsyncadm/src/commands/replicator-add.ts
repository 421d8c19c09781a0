import type { Command } from 'commander';
import { addHelpParts } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from '../replicator/options.ts';

export function registerReplicatorAdd(parent: Command, context: CommandContext): void {
  const command = parent
    .command('add')
    .summary('make users known to the replicator')
    .description(
      'Make users known to the replicator, so that they are synced at least every ' +
        'replication_full_sync_interval. With wildcards: the users of the mail store that match.',
    )
    .argument('<mask>', 'users; * is any text, ? one character');
  addHelpParts(addReplicatorOptions(command), {
    examples: ['replicator add ann@example.com', "replicator add '*'"],
    exits: replicatorExits,
  });
  command.action((mask: string, options: ReplicatorOptions) =>
    withReplicator(context, options, (client) => client.add(mask)),
  );
}
