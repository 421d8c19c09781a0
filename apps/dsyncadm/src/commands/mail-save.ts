import type { SaveChange, StagedBody, UserMail } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { parseFlags } from '../input/flags.ts';
import { parseInstant } from '../input/instant.ts';
import { readMailBody } from '../input/mail-body.ts';
import { requireMailbox } from '../mail-selection.ts';

interface Options {
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
  command.action((file: string | undefined, options: Options) => saveMail(context, file, options));
}

async function saveMail(context: CommandContext, file: string | undefined, options: Options): Promise<void> {
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
