import { countOf } from '@dsyncd/core';
import type { Command } from 'commander';
import { addHelpParts, addJsonOption, addUserOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { printable } from '../output/table.ts';
import { checkStore, type StoreReport } from '../store-check.ts';

interface Options {
  readonly user: string;
  readonly json?: boolean;
}

export function registerStoreCheck(parent: Command, context: CommandContext): void {
  const command = parent
    .command('check')
    .summary("check a user's mail on disk")
    .description(
      "Open a user's index and read every mail. A mail that is missing on disk is noted, and the next sync " +
        'fetches it back from the replica.',
    );
  addHelpParts(addJsonOption(addUserOption(command)), {
    examples: ['store check -u ann@example.com'],
    exits: ['noUser', 'damaged', 'temporary', 'permission', 'config'],
  });
  command.action((options: Options) => check(context, options));
}

async function check(context: CommandContext, options: Options): Promise<void> {
  const report = await context.withUserMail(options.user, checkStore);
  if (options.json) await context.terminal.printJson(report);
  else await context.terminal.print(reportText(options.user, report));
  context.exitWith(report.damages.length === 0 ? exitCodes.ok : exitCodes.damaged);
}

function reportText(user: string, { mailboxes, mails, damages }: StoreReport): string {
  const lines = damages.map(({ mailbox, uid, problem }) => `${mailbox}, UID ${uid}: ${problem}`);
  const counts = `${countOf(mailboxes, 'mailbox', 'mailboxes')}, ${countOf(mails, 'mail')}`;
  lines.push(
    damages.length === 0
      ? `${user}: ${counts}, all good`
      : `${user}: ${counts}, ${damages.length} damaged; \`dsyncadm replicator replicate -f ${user}\` fetches missing ones back`,
  );
  return lines.map((line) => `${printable(line)}\n`).join('');
}
