import { countOf, DsyncdError, parseUserName, type UserName } from '@dsyncd/core';
import type { MaildirStore } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addUserOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { notPossible } from '../errors.ts';
import { printable } from '../output/table.ts';

interface Options {
  readonly user: string;
  readonly force?: boolean;
}

export function registerStoreRebuild(parent: Command, context: CommandContext): void {
  const command = parent
    .command('rebuild')
    .summary('make a new index from the mail files')
    .description(
      'Make a new index from the mail files, when the present one is damaged beyond use. Mailboxes and mails ' +
        'keep their names, GUIDs and UIDs; flags and subscriptions come back with the next full sync. The ' +
        'damaged index is kept beside the new one.',
    )
    .option('--force', 'also when the present index can be read');
  addHelpParts(addUserOption(command), {
    examples: ['store rebuild -u ann@example.com && dsyncadm replicator replicate -f ann@example.com'],
    exits: ['notPossible', 'noUser', 'temporary', 'permission', 'config'],
  });
  command.action((options: Options) => rebuild(context, options));
}

async function rebuild(context: CommandContext, options: Options): Promise<void> {
  const user = parseUserName(options.user);
  const store = await context.store();
  // It would lose flags, and bring expunged mails back whose files are still there.
  const isHealthy = await isReadable(store, user);
  if (isHealthy && !options.force)
    throw notPossible(`the index of ${user} can be read`, '`--force` rebuilds it all the same');
  const { mailboxes, movedTo } = await store.rebuildIndex(user);
  const lines = [
    ...mailboxes.map(({ path, mails }) => `${path}: ${countOf(mails, 'mail')}`),
    ...(movedTo === undefined ? [] : [`the old index is now ${movedTo}`]),
    `next: \`dsyncadm replicator replicate -f ${user}\` on this host brings flags back`,
  ];
  await context.terminal.print(lines.map((line) => `${printable(line)}\n`).join(''));
}

/** @throws {DsyncdError} for anything but a damaged index, such as a user without a home. */
async function isReadable(store: MaildirStore, user: UserName): Promise<boolean> {
  try {
    const mail = await store.open(user);
    await mail.close();
    return true;
  } catch (error) {
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_INDEX_DAMAGED') return false;
    throw error;
  }
}
