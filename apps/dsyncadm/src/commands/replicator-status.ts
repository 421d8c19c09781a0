import type { Command } from 'commander';
import { addHelpParts, addJsonOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { formatAgo, formatHms, instantOrNull } from '../output/durations.ts';
import { formatTable } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import type { OverviewLine, ReplicatedUser, ReplicatorClient } from '../replicator/client.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from '../replicator/options.ts';

interface Options extends ReplicatorOptions {
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
  command.action((mask: string | undefined, options: Options) =>
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
