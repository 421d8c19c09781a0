import type { Command } from 'commander';
import { addHelpParts, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { parseMailboxName } from '../input/mailbox-name.ts';

interface Options {
  readonly user: string;
}

export function registerMailboxSubscribe(parent: Command, context: CommandContext): void {
  const command = parent
    .command('subscribe')
    .summary('subscribe to mailboxes')
    .description('Subscribe a user to mailboxes; they need not exist.')
    .argument('<mailbox...>', 'names with "/" between levels');
  addHelpParts(addUserOption(command), {
    examples: ['mailbox subscribe -u ann@example.com Work Lists/news'],
    exits: mailExits,
  });
  command.action(async (names: string[], options: Options) => {
    const paths = names.map(parseMailboxName);
    await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
      for (const path of paths) await mail.setSubscribed(path, true);
    });
  });
}
