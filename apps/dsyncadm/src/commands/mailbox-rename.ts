import { renameInbox } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { parseMailboxName } from '../input/mailbox-name.ts';

interface Options {
  readonly user: string;
  readonly subscriptions?: boolean;
}

export function registerMailboxRename(parent: Command, context: CommandContext): void {
  const command = parent
    .command('rename')
    .summary('rename a mailbox')
    .description(
      'Rename a mailbox and everything below it. Its mails are not copied: the replica renames as well. ' +
        'Renaming INBOX moves its mails away and leaves an empty INBOX.',
    )
    .argument('<old>', 'present name')
    .argument('<new>', 'new name')
    .option('-s, --subscriptions', 'move the subscription as well');
  addHelpParts(addUserOption(command), {
    examples: ['mailbox rename -u ann@example.com -s Work Archive/Work'],
    exits: ['notPossible', ...mailExits],
  });
  command.action((from: string, to: string, options: Options) => renameMailbox(context, from, to, options));
}

async function renameMailbox(
  context: CommandContext,
  from: string,
  to: string,
  options: Options,
): Promise<void> {
  const fromPath = parseMailboxName(from);
  const toPath = parseMailboxName(to);
  await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
    if (fromPath.join('/') === 'INBOX') await renameInbox(mail, toPath);
    else await mail.rename(fromPath, toPath);
    if (!options.subscriptions) return;
    await mail.setSubscribed(toPath, true);
    await mail.setSubscribed(fromPath, false);
  });
}
