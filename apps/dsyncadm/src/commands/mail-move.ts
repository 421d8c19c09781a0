import { countOf } from '@dsyncd/core';
import { copyMails, expungeMails } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { checkUidSet } from '../input/uid-set.ts';
import { requireMailbox, selectMails } from '../mail-selection.ts';

interface Options {
  readonly user: string;
  readonly mailbox: string;
}

export function registerMailMove(parent: Command, context: CommandContext): void {
  const command = parent
    .command('move')
    .summary('move mails to another mailbox')
    .description(
      'Move mails to another mailbox of the user: saved there first, then expunged here, so that a crash ' +
        'in between leaves both and loses none.',
    )
    .argument('<uids>', 'UIDs as in IMAP: 7, 1:5,12:*', checkUidSet)
    .argument('<destination>', 'mailbox that exists');
  addHelpParts(addMailboxOption(addUserOption(command)), {
    examples: ['mail move -u ann@example.com 1:5 Archive', "mail move -u ann@example.com -m Work '*' INBOX"],
    exits: mailExits,
  });
  command.action((uids: string, destination: string, options: Options) =>
    moveMails(context, uids, destination, options),
  );
}

async function moveMails(
  context: CommandContext,
  uids: string,
  destinationName: string,
  options: Options,
): Promise<void> {
  let movedCount = 0;
  await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
    const source = await requireMailbox(mail, options.mailbox);
    const destination = await requireMailbox(mail, destinationName);
    if (source.guid === destination.guid)
      throw usageError('source and destination are the same mailbox', 'name another destination');
    for await (const mails of selectMails(source, uids)) {
      await copyMails(source, destination, mails);
      movedCount += await expungeMails(source, mails);
    }
  });
  await context.terminal.print(`${countOf(movedCount, 'mail')} moved\n`);
}
