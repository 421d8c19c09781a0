import { countOf } from '@dsyncd/core';
import { copyMails, expungeMails, type SaveChange, type StagedBody, type UserMail } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../exit-codes.ts';
import { checkUidSet, parseInstant } from '../input/arguments.ts';
import { readMailBody } from '../input/files.ts';
import { requireMailbox, selectMails } from '../selection.ts';
import { parseFlags } from './mail-flags.ts';

interface MailSaveOptions {
  readonly user: string;
  readonly mailbox: string;
  readonly flags?: string;
  readonly received?: string;
  readonly createUser?: boolean;
}

export function registerMailSave(parent: Command, context: CommandContext): void {
  const command = parent
    .command('save')
    .summary('save a mail')
    .description('Save a mail byte for byte from a file or stdin, and print the UID that it got.')
    .argument('[file]', 'a mail as it travels (RFC 5322); "-" or nothing: stdin')
    .option('--flags <flags>', 'flags and keywords, separated by commas')
    .option(
      '--received <instant>',
      'when it was received: 2026-11-23T10:00:00Z or Unix seconds; otherwise now',
    )
    .option('--create-user', "make the user's mail home when it does not exist yet");
  addHelpParts(addMailboxOption(addUserOption(command)), {
    examples: [
      'mail save -u ann@example.com message.eml',
      'mail save -u ann@example.com -m Archive --flags seen,invoice < message.eml',
    ],
    exits: ['notPossible', ...mailExits],
  });
  command.action((file: string | undefined, options: MailSaveOptions) => saveMail(context, file, options));
}

async function saveMail(
  context: CommandContext,
  file: string | undefined,
  options: MailSaveOptions,
): Promise<void> {
  const save = {
    ...parseFlags(options.flags === undefined ? [] : [options.flags]),
    receivedAt: options.received === undefined ? undefined : parseInstant(options.received),
  };
  const create = options.createUser === true;
  const uid = await context.changeUserMail({ user: options.user, create, priority: 'high' }, async (mail) => {
    const mailbox = await requireMailbox(mail, options.mailbox);
    return saveStaged(mail, readMailBody(file, context.terminal.stdin), async (body) => {
      const change: SaveChange = { type: 'save', body, ...save };
      const [result] = (await mailbox.apply([change])).results;
      return result !== undefined && 'uid' in result ? result.uid : undefined;
    });
  });
  await context.terminal.print(`${uid}\n`);
}

/** Stages a body, and discards it again when saving fails. */
async function saveStaged<T>(
  mail: UserMail,
  body: AsyncIterable<Uint8Array>,
  save: (staged: StagedBody) => Promise<T>,
): Promise<T> {
  const staged = await mail.stageBody(body);
  try {
    return await save(staged);
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

interface MailCopyOptions {
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
  command.action(async (uids: string, destinationName: string, options: MailCopyOptions) => {
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

interface MailMoveOptions {
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
  command.action((uids: string, destination: string, options: MailMoveOptions) =>
    moveMails(context, uids, destination, options),
  );
}

async function moveMails(
  context: CommandContext,
  uids: string,
  destinationName: string,
  options: MailMoveOptions,
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

interface MailExpungeOptions {
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
  command.action(async (uids: string, options: MailExpungeOptions) => {
    let expungedCount = 0;
    await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
      const mailbox = await requireMailbox(mail, options.mailbox);
      for await (const mails of selectMails(mailbox, uids))
        expungedCount += await expungeMails(mailbox, mails);
    });
    await context.terminal.print(`${countOf(expungedCount, 'mail')} expunged\n`);
  });
}
