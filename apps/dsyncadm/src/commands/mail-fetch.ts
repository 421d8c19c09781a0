import type { asUid } from '@dsyncd/core';
import type { Command } from 'commander';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { parseUidSet } from '../input/uid-set.ts';
import { requireMailbox } from '../mail-selection.ts';

interface Options {
  readonly user: string;
  readonly mailbox: string;
}

export function registerMailFetch(parent: Command, context: CommandContext): void {
  const command = parent
    .command('fetch')
    .summary('print a mail')
    .description('Print a mail byte for byte as it was saved.')
    .argument('<uid>', 'UID of one mail');
  addHelpParts(addMailboxOption(addUserOption(command)), {
    examples: ['mail fetch -u ann@example.com 17 > message.eml'],
    exits: mailExits,
  });
  command.action(async (uidText: string, options: Options) => {
    const uid = parseOneUid(uidText);
    await context.withUserMail(options.user, async (mail) => {
      const mailbox = await requireMailbox(mail, options.mailbox);
      for await (const chunk of await mailbox.body(uid)) await context.terminal.print(chunk as Uint8Array);
    });
  });
}

function parseOneUid(text: string): ReturnType<typeof asUid> {
  const [range, ...more] = parseUidSet(text, 0);
  if (range === undefined || range.from !== range.to || more.length > 0)
    throw usageError(
      `${JSON.stringify(text.slice(0, 40))} is not the UID of one mail`,
      'two mails in one stream could not be told apart: fetch them one by one',
    );
  return range.from;
}
