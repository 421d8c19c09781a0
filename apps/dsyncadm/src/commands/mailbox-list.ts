import { compileMask } from '@dsyncd/core';
import type { MailboxNode } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addJsonOption, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { mailboxName } from '../input/mailbox-name.ts';
import { printable } from '../output/table.ts';

interface Options {
  readonly user: string;
  readonly subscribed?: boolean;
  readonly json?: boolean;
}

export function registerMailboxList(parent: Command, context: CommandContext): void {
  const command = parent
    .command('list')
    .summary('list mailboxes')
    .description('List the names of a user\'s mailboxes, one a line, with "/" between levels.')
    .argument('[mask]', 'names to list; * is any text, ? one character', '*')
    .option('-s, --subscribed', 'only names that the user is subscribed to');
  addHelpParts(addJsonOption(addUserOption(command)), {
    examples: ['mailbox list -u ann@example.com', "mailbox list -u ann@example.com 'Work/*' --json"],
    exits: mailExits,
  });
  command.action((mask: string, options: Options) => listMailboxes(context, mask, options));
}

async function listMailboxes(context: CommandContext, mask: string, options: Options): Promise<void> {
  const isWanted = compileMask(mask);
  const tree = await context.withUserMail(options.user, (mail) => mail.tree());
  const nodes = tree.nodes
    .filter((node) => (options.subscribed ? node.subscribed : node.exists))
    .filter((node) => isWanted(mailboxName(node.path)))
    .sort(byName);
  if (options.json) await context.terminal.printJson(nodes.map(describe));
  else await context.terminal.print(nodes.map((node) => `${printable(mailboxName(node.path))}\n`).join(''));
}

const byName = (a: MailboxNode, b: MailboxNode): number =>
  mailboxName(a.path) < mailboxName(b.path) ? -1 : 1;

const describe = ({ path, exists, subscribed, mailbox }: MailboxNode): object => ({
  mailbox: mailboxName(path),
  exists,
  subscribed,
  holdsMail: mailbox !== undefined,
  ...(mailbox === undefined ? {} : { guid: mailbox.guid, messages: mailbox.messagesCount }),
});
