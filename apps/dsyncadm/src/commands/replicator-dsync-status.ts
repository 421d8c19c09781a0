import type { Command } from 'commander';
import { addHelpParts, addJsonOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { formatTable } from '../output/table.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from '../replicator/options.ts';

interface Options extends ReplicatorOptions {
  readonly json?: boolean;
}

export function registerReplicatorDsyncStatus(parent: Command, context: CommandContext): void {
  const command = parent
    .command('dsync-status')
    .summary('show the syncs that run now')
    .description('Show the syncs that run now: the same columns as `doveadm replicator dsync-status`.');
  addHelpParts(addJsonOption(addReplicatorOptions(command)), {
    examples: ['replicator dsync-status', 'replicator dsync-status --json'],
    exits: replicatorExits,
  });
  command.action((options: Options) => showSyncs(context, options));
}

async function showSyncs(context: CommandContext, options: Options): Promise<void> {
  const syncs = await withReplicator(context, options, (client) => client.dsyncs());
  const { terminal } = context;
  if (options.json) {
    await terminal.printJson(syncs);
    return;
  }
  const table = formatTable(
    [{ title: 'username', expands: true }, { title: 'type' }, { title: 'status' }],
    syncs.map(({ username, type, status }) => [username, type, status]),
    { widthColumns: terminal.widthColumns },
  );
  await terminal.print(table);
}
