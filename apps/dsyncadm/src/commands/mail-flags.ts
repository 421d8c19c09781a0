import { countOf } from '@dsyncd/core';
import { flagBits, type MailChange, type MailRecord } from '@dsyncd/mailstore';
import { Argument, type Command } from 'commander';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { type FlagSet, parseFlags } from '../input/flags.ts';
import { checkUidSet } from '../input/uid-set.ts';
import { requireMailbox, selectMails } from '../mail-selection.ts';

interface Options {
  readonly user: string;
  readonly mailbox: string;
}

const actions = ['add', 'remove', 'replace'] as const;
type Action = (typeof actions)[number];

export function registerMailFlags(parent: Command, context: CommandContext): void {
  const command = parent
    .command('flags')
    .summary('change the flags of mails')
    .description('Add, remove or replace flags and keywords of mails.')
    .addArgument(new Argument('<action>', 'what to do').choices(actions))
    .argument('<uids>', 'UIDs as in IMAP: 7, 1:5,12:*', checkUidSet)
    .argument('[flag...]', '\\Seen or seen, ...; anything else is a keyword');
  addHelpParts(addMailboxOption(addUserOption(command)), {
    examples: [
      'mail flags -u ann@example.com add 1:5 seen',
      "mail flags -u ann@example.com remove '*' '\\Flagged' invoice",
      'mail flags -u ann@example.com replace 7',
    ],
    exits: mailExits,
  });
  command.action((action: Action, uids: string, texts: string[], options: Options) =>
    changeFlags(context, { action, uids, texts }, options),
  );
}

async function changeFlags(
  context: CommandContext,
  wanted: { readonly action: Action; readonly uids: string; readonly texts: readonly string[] },
  options: Options,
): Promise<void> {
  const flags = parseFlags(wanted.texts);
  if (wanted.action !== 'replace' && wanted.texts.length === 0)
    throw usageError(`which flags to ${wanted.action}?`, 'name them after the UIDs: seen, flagged, ...');
  let changedCount = 0;
  await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
    const mailbox = await requireMailbox(mail, options.mailbox);
    for await (const mails of selectMails(mailbox, wanted.uids)) {
      const { results } = await mailbox.apply(
        mails.map((record) => flagChange(wanted.action, record, flags)),
      );
      changedCount += results.filter((result) => 'changed' in result && result.changed).length;
    }
  });
  await context.terminal.print(`${countOf(changedCount, 'mail')} changed\n`);
}

const allFlags = Object.values(flagBits).reduce((all, bit) => all | bit, 0);

function flagChange(action: Action, { uid, keywords }: MailRecord, wanted: FlagSet): MailChange {
  switch (action) {
    case 'add':
      return { type: 'flags', uid, addFlags: wanted.flags, addKeywords: wanted.keywords };
    case 'remove':
      return { type: 'flags', uid, removeFlags: wanted.flags, removeKeywords: wanted.keywords };
    case 'replace':
      return {
        type: 'flags',
        uid,
        addFlags: wanted.flags,
        removeFlags: allFlags & ~wanted.flags,
        addKeywords: wanted.keywords,
        removeKeywords: keywords.filter((keyword) => !wanted.keywords.includes(keyword)),
      };
  }
}
