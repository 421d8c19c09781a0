import { countOf } from '@dsyncd/core';
import { expungeMails } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { checkUidSet } from '../input/uid-set.ts';
import { requireMailbox, selectMails } from '../mail-selection.ts';

interface Options {
  readonly user: string;
  readonly mailbox: string;
}

export function registerMailExpunge(parent: Command, context: CommandContext): void {
  const command = parent
    .command('expunge')
    .summary('remove mails for good')
    .description('Remove mails for good, here and then on the replicas, whatever their flags.')
    .argument('<uids>', 'UIDs as in IMAP: 7, 1:5,12:*', checkUidSet);
  addHelpParts(addMailboxOption(addUserOption(command)), {
    examples: ['mail expunge -u ann@example.com 17', 'mail expunge -u ann@example.com -m Trash 1:*'],
    exits: mailExits,
  });
  command.action(async (uids: string, options: Options) => {
    let expungedCount = 0;
    await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
      const mailbox = await requireMailbox(mail, options.mailbox);
      for await (const mails of selectMails(mailbox, uids))
        expungedCount += await expungeMails(mailbox, mails);
    });
    await context.terminal.print(`${countOf(expungedCount, 'mail')} expunged\n`);
  });
}
