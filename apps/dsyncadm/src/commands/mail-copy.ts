import { countOf } from '@dsyncd/core';
import { copyMails } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { checkUidSet } from '../input/uid-set.ts';
import { requireMailbox, selectMails } from '../mail-selection.ts';

interface Options {
  readonly user: string;
  readonly mailbox: string;
}

export function registerMailCopy(parent: Command, context: CommandContext): void {
  const command = parent
    .command('copy')
    .summary('copy mails to another mailbox')
    .description('Copy mails to another mailbox of the user, with their flags, dates and GUIDs.')
    .argument('<uids>', 'UIDs as in IMAP: 7, 1:5,12:*', checkUidSet)
    .argument('<destination>', 'mailbox that exists');
  addHelpParts(addMailboxOption(addUserOption(command)), {
    examples: ['mail copy -u ann@example.com 1:5 Archive', "mail copy -u ann@example.com -m Work '*' INBOX"],
    exits: mailExits,
  });
  command.action(async (uids: string, destinationName: string, options: Options) => {
    let copiedCount = 0;
    await context.changeUserMail({ user: options.user, priority: 'high' }, async (mail) => {
      const source = await requireMailbox(mail, options.mailbox);
      const destination = await requireMailbox(mail, destinationName);
      for await (const mails of selectMails(source, uids)) {
        await copyMails(source, destination, mails);
        copiedCount += mails.length;
      }
    });
    await context.terminal.print(`${countOf(copiedCount, 'mail')} copied\n`);
  });
}
