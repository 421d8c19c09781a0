import { type RequestPriority, requestPriorities } from '@dsyncd/core';
import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { addHelpParts, addJsonOption } from '../exit-codes.ts';
import { formatAgo, formatHms, formatTable, instantOrNull } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import { type OverviewLine, type ReplicatedUser, ReplicatorClient } from '../replicator/client.ts';

interface ReplicatorStatusOptions extends ReplicatorOptions {
  readonly json?: boolean;
}

export function registerReplicatorStatus(parent: Command, context: CommandContext): void {
  const command = parent
    .command('status')
    .summary('show the queue, or the users that match a mask')
    .description(
      'Show how many users are queued, or when the users that match a mask were last synced: the same ' +
        'columns as `doveadm replicator status`. `dsyncadm status` says who is behind and why.',
    )
    .argument('[mask]', 'users to show; * is any text, ? one character');
  addHelpParts(addJsonOption(addReplicatorOptions(command)), {
    examples: ['replicator status', "replicator status '*@example.com'", "replicator status --json '*'"],
    exits: replicatorExits,
  });
  command.action((mask: string | undefined, options: ReplicatorStatusOptions) =>
    withReplicator(context, options, async (client) => {
      const isJson = options.json === true;
      if (mask === undefined) await showOverview(context.terminal, client, isJson);
      else await showUsers(context, client, { mask, isJson });
    }),
  );
}

async function showOverview(terminal: Terminal, client: ReplicatorClient, isJson: boolean): Promise<void> {
  const lines = await client.overview();
  if (isJson) await terminal.printJson(Object.fromEntries(lines.map(({ field, count }) => [field, count])));
  else await terminal.print(overviewTable(lines, terminal.widthColumns));
}

const overviewTable = (lines: readonly OverviewLine[], widthColumns: number): string =>
  formatTable(
    [{ title: 'field' }, { title: 'value' }],
    lines.map(({ field, count }) => [field, String(count)]),
    { widthColumns, hidesTitles: true },
  );

async function showUsers(
  { terminal, clock }: CommandContext,
  client: ReplicatorClient,
  { mask, isJson }: { readonly mask: string; readonly isJson: boolean },
): Promise<void> {
  const users = await client.users(mask);
  const nowSeconds = Math.floor(clock.now() / 1000);
  if (isJson) await terminal.printJson(users.map(describe));
  else await terminal.print(usersTable(users, nowSeconds, terminal.widthColumns));
}

const usersTable = (users: readonly ReplicatedUser[], nowSeconds: number, widthColumns: number): string =>
  formatTable(
    [
      { title: 'username', expands: true },
      { title: 'priority' },
      { title: 'fast sync' },
      { title: 'full sync' },
      { title: 'success sync' },
      { title: 'failed' },
      { title: 'next sync secs' },
    ],
    users.map((user) => [
      user.username,
      user.priority,
      formatAgo(user.lastFastSync, nowSeconds),
      formatAgo(user.lastFullSync, nowSeconds),
      formatAgo(user.lastSuccess, nowSeconds),
      user.failed ? 'y' : '-',
      user.nextSyncSeconds === undefined ? '-' : formatHms(user.nextSyncSeconds),
    ]),
    { widthColumns },
  );

const describe = (user: ReplicatedUser): object => ({
  username: user.username,
  priority: user.priority,
  lastFastSyncAt: instantOrNull(user.lastFastSync * 1000),
  lastFullSyncAt: instantOrNull(user.lastFullSync * 1000),
  lastSuccessAt: instantOrNull(user.lastSuccess * 1000),
  failed: user.failed,
  nextSyncSeconds: user.nextSyncSeconds ?? null,
});

interface ReplicatorDsyncStatusOptions extends ReplicatorOptions {
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
  command.action((options: ReplicatorDsyncStatusOptions) => showSyncs(context, options));
}

async function showSyncs(context: CommandContext, options: ReplicatorDsyncStatusOptions): Promise<void> {
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

interface ReplicatorReplicateOptions extends ReplicatorOptions {
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
    .option('-f, --full-sync', 'compare everything, whatever the last sync left')
    .addOption(
      new Option('-p, --priority <priority>', 'place in the queue').choices(requestPriorities).default('low'),
    );
  addHelpParts(addReplicatorOptions(command), {
    examples: ['replicator replicate ann@example.com', "replicator replicate -f -p high '*@example.com'"],
    exits: replicatorExits,
  });
  command.action((mask: string, options: ReplicatorReplicateOptions) => replicate(context, mask, options));
}

async function replicate(
  context: CommandContext,
  mask: string,
  options: ReplicatorReplicateOptions,
): Promise<void> {
  const { priority, fullSync } = options;
  const count = await withReplicator(context, options, (client) =>
    client.replicate({ mask, priority, full: fullSync === true }),
  );
  await context.terminal.print(`${count} users updated\n`);
}

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
