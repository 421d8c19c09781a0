import { compileMask } from '@dsyncd/core';
import type { MailboxNode, MailboxStatus } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addJsonOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { noMailbox } from '../errors.ts';
import { mailboxName } from '../input/mailbox-name.ts';
import { formatList } from '../output/table.ts';

interface Options {
  readonly user: string;
  readonly json?: boolean;
}

interface Line extends MailboxStatus {
  readonly mailbox: string;
}

export function registerMailboxStatus(parent: Command, context: CommandContext): void {
  const command = parent
    .command('status')
    .summary('show counters of mailboxes')
    .description('Show the counters of mailboxes: what two hosts must agree on.')
    .argument('[mask]', 'mailboxes to show; * is any text, ? one character', '*');
  addHelpParts(addJsonOption(addUserOption(command)), {
    examples: ['mailbox status -u ann@example.com', 'mailbox status -u ann@example.com INBOX --json'],
    exits: mailExits,
  });
  command.action((mask: string, options: Options) => showStatus(context, mask, options));
}

async function showStatus(context: CommandContext, mask: string, options: Options): Promise<void> {
  const isWanted = compileMask(mask);
  const tree = await context.withUserMail(options.user, (mail) => mail.tree());
  const lines = tree.nodes
    .flatMap(toLine)
    .filter((line) => isWanted(line.mailbox))
    .sort((a, b) => (a.mailbox < b.mailbox ? -1 : 1));
  if (lines.length === 0 && mask !== '*') throw noMailbox(options.user, mask);
  if (options.json) await context.terminal.printJson(lines);
  else await context.terminal.print(formatStatus(lines));
}

const toLine = ({ path, mailbox }: MailboxNode): Line[] =>
  mailbox === undefined ? [] : [{ mailbox: mailboxName(path), ...mailbox }];

const formatStatus = (lines: readonly Line[]): string =>
  formatList(
    [
      { title: 'mailbox' },
      { title: 'messages', alignsRight: true },
      { title: 'uidnext', alignsRight: true },
      { title: 'uidvalidity', alignsRight: true },
      { title: 'highestmodseq', alignsRight: true },
      { title: 'guid' },
    ],
    lines.map((line) => [
      line.mailbox,
      String(line.messagesCount),
      String(line.uidNext),
      String(line.uidValidity),
      String(line.highestModSeq),
      line.guid,
    ]),
  );
