import { countOf, limits } from '@dsyncd/core';
import { flagBits, type MailChange, type MailRecord, systemFlags } from '@dsyncd/mailstore';
import { Argument, type Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { addHelpParts, addMailboxOption, addUserOption, mailExits } from '../exit-codes.ts';
import { checkUidSet } from '../input/arguments.ts';
import { requireMailbox, selectMails } from '../selection.ts';

interface MailFlagsOptions {
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
  command.action((action: Action, uids: string, texts: string[], options: MailFlagsOptions) =>
    changeFlags(context, { action, uids, texts }, options),
  );
}

async function changeFlags(
  context: CommandContext,
  wanted: { readonly action: Action; readonly uids: string; readonly texts: readonly string[] },
  options: MailFlagsOptions,
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

/** Flags of a mail as the store takes them. */
export interface FlagSet {
  readonly flags: number;
  readonly keywords: readonly string[];
}

/** IMAP atom characters (RFC 9051 section 9): what a keyword may be made of. */
const keywordPattern = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/;

/**
 * Reads flags from the command line: `\Seen` or `seen` in any case for system flags, anything else
 * is a keyword. Commas separate as well as arguments do.
 *
 * @throws {DsyncdError} `DSYNCD_USAGE` for what is neither
 */
export function parseFlags(texts: readonly string[]): FlagSet {
  let flags = 0;
  const keywords = new Set<string>();
  for (const text of texts.flatMap((argument) => argument.split(','))) {
    const bit = systemFlagBit(text);
    if (bit === undefined) keywords.add(checkKeyword(text));
    else flags |= bit;
  }
  return { flags, keywords: [...keywords] };
}

function systemFlagBit(text: string): number | undefined {
  const wanted = text.replace(/^\\/, '').toLowerCase();
  const position = systemFlags.findIndex((flag) => flag.slice(1).toLowerCase() === wanted);
  return position < 0 ? undefined : 1 << position;
}

function checkKeyword(text: string): string {
  if (keywordPattern.test(text) && text.length <= limits.keywordBytesMax) return text;
  const known = systemFlags.join(', ');
  throw usageError(
    `${JSON.stringify(text.slice(0, 40))} is neither a flag nor a keyword`,
    `flags are ${known} (with or without the backslash); keywords have 1 to ${limits.keywordBytesMax} letters, digits and signs without blanks`,
  );
}

/** Flags as IMAP lists them: `\Answered \Seen $Forwarded`. */
export const flagNames = ({ flags, keywords }: FlagSet): string[] => [
  ...systemFlags.filter((_flag, position) => (flags & (1 << position)) !== 0),
  ...[...keywords].sort(),
];
