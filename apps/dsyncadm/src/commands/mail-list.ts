import type { MailboxMail, MailRecord } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addJsonOption, addMailboxOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { flagNames } from '../input/flags.ts';
import { checkUidSet } from '../input/uid-set.ts';
import { requireMailbox, selectMails } from '../mail-selection.ts';
import { formatInstant } from '../output/durations.ts';
import { printable } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';

interface Options {
  readonly user: string;
  readonly mailbox: string;
  readonly json?: boolean;
}

export function registerMailList(parent: Command, context: CommandContext): void {
  const command = parent
    .command('list')
    .summary('list the mails of a mailbox')
    .description('List the mails of a mailbox, a line each, with tabs between the fields.')
    .argument('[uids]', 'UIDs as in IMAP: 7, 1:5,12:*', checkUidSet, '1:*');
  addHelpParts(addJsonOption(addMailboxOption(addUserOption(command))), {
    examples: ['mail list -u ann@example.com', 'mail list -u ann@example.com -m Archive 100:* --json'],
    exits: mailExits,
  });
  command.action((uids: string, options: Options) =>
    context.withUserMail(options.user, async (mail) => {
      const mailbox = await requireMailbox(mail, options.mailbox);
      const print = options.json ? printJson : printLines;
      await print(context.terminal, mailbox, uids);
    }),
  );
}

async function printLines(terminal: Terminal, mailbox: MailboxMail, uids: string): Promise<void> {
  await terminal.print('uid\tsize\treceived\tguid\tflags\n');
  for await (const mails of selectMails(mailbox, uids)) await terminal.print(mails.map(toLine).join(''));
}

const toLine = (mail: MailRecord): string =>
  `${mail.uid}\t${mail.size}\t${formatInstant(mail.receivedAt * 1000)}\t${mail.guid}\t${printable(flagNames(mail).join(' '))}\n`;

/** A JSON array, written piece by piece: a mailbox may have millions of mails. */
async function printJson(terminal: Terminal, mailbox: MailboxMail, uids: string): Promise<void> {
  let separator = '[\n';
  for await (const mails of selectMails(mailbox, uids)) {
    const items = mails.map((mail) => JSON.stringify(describe(mail)));
    await terminal.print(separator + items.join(',\n'));
    separator = ',\n';
  }
  await terminal.print(separator === '[\n' ? '[]\n' : '\n]\n');
}

const describe = (mail: MailRecord): object => ({
  uid: mail.uid,
  guid: mail.guid,
  size: mail.size,
  flags: flagNames({ flags: mail.flags, keywords: [] }),
  keywords: mail.keywords,
  receivedAt: formatInstant(mail.receivedAt * 1000),
  savedAt: formatInstant(mail.savedAt * 1000),
  modSeq: mail.modSeq,
});
