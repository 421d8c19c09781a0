import type { Command } from 'commander';
import { addHelpParts, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { parseMailboxName } from '../input/mailbox-name.ts';

interface Options {
  readonly user: string;
  readonly subscriptions?: boolean;
  readonly createUser?: boolean;
}

export function registerMailboxCreate(parent: Command, context: CommandContext): void {
  const command = parent
    .command('create')
    .summary('create mailboxes')
    .description('Create mailboxes; parents that are missing are made as directories.')
    .argument('<mailbox...>', 'names with "/" between levels')
    .option('-s, --subscriptions', 'subscribe the user to them as well')
    .option('--create-user', "make the user's mail home when it does not exist yet");
  addHelpParts(addUserOption(command), {
    examples: ['mailbox create -u ann@example.com -s Work Work/2026'],
    exits: ['notPossible', ...mailExits],
  });
  command.action((names: string[], options: Options) => createMailboxes(context, names, options));
}

async function createMailboxes(context: CommandContext, names: string[], options: Options): Promise<void> {
  const paths = names.map(parseMailboxName);
  const create = options.createUser === true;
  await context.changeUserMail({ user: options.user, create, priority: 'low' }, async (mail) => {
    for (const path of paths) {
      await mail.createMailbox(path);
      if (options.subscriptions) await mail.setSubscribed(path, true);
    }
  });
}
