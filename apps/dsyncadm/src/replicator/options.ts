import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { ReplicatorClient } from './client.ts';

export interface ReplicatorOptions {
  readonly socketPath?: string;
  readonly channel?: string;
}

export const replicatorExits = ['needsPerson', 'temporary', 'protocol', 'permission', 'config'] as const;

export const addSocketOption = (command: Command): Command =>
  command.option(
    '-a, --socket-path <path>',
    'socket of the replicator; otherwise replicator-doveadm in base_dir',
  );

export const addReplicatorOptions = (command: Command): Command =>
  addSocketOption(command).option('--channel <name>', 'only this channel; otherwise all of them');

/** Connects to the replicator, runs `task` and disconnects, whatever becomes of it. */
export async function withReplicator<T>(
  context: CommandContext,
  options: ReplicatorOptions,
  task: (client: ReplicatorClient) => Promise<T>,
): Promise<T> {
  const client = await ReplicatorClient.connect(options.socketPath ?? (await context.replicatorSocket()));
  try {
    if (options.channel !== undefined) await client.selectChannel(options.channel);
    return await task(client);
  } finally {
    client.close();
  }
}
