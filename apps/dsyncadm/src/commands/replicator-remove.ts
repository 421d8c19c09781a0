import type { Command } from 'commander';
import { addHelpParts } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from '../replicator/options.ts';

export function registerReplicatorRemove(parent: Command, context: CommandContext): void {
  const command = parent
    .command('remove')
    .summary('make the replicator forget a user')
    .description(
      'Make the replicator forget a user. The mail stays on both hosts; the next change makes the user known again.',
    )
    .argument('<user>', 'user name, no wildcards');
  addHelpParts(addReplicatorOptions(command), {
    examples: ['replicator remove ann@example.com'],
    exits: ['noUser', ...replicatorExits],
  });
  command.action((user: string, options: ReplicatorOptions) =>
    withReplicator(context, options, (client) => client.remove(user)),
  );
}
