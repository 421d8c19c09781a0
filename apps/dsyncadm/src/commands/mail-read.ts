import type { asUid } from '@dsyncd/core';
import type { MailboxMail, MailRecord } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { addHelpParts, addJsonOption, addMailboxOption, addUserOption, mailExits } from '../exit-codes.ts';
import { checkUidSet, parseUidSet } from '../input/arguments.ts';
import { formatInstant, printable } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import { requireMailbox, selectMails } from '../selection.ts';
import { flagNames } from './mail-flags.ts';

interface MailListOptions {
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
  command.action((uids: string, options: MailListOptions) =>
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

interface MailFetchOptions {
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
  command.action(async (uidText: string, options: MailFetchOptions) => {
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
      'two mails in one stream cannot be separated again: fetch them one by one',
    );
  return range.from;
}
