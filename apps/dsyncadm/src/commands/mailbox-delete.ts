import type { MailboxPath } from '@dsyncd/core';
import type { MailboxNode, UserMail } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts, addUserOption, mailExits } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { noMailbox, notPossible } from '../errors.ts';
import { mailboxName, parseMailboxName } from '../input/mailbox-name.ts';

interface Options {
  readonly user: string;
  readonly recursive?: boolean;
  readonly subscriptions?: boolean;
}

export function registerMailboxDelete(parent: Command, context: CommandContext): void {
  const command = parent
    .command('delete')
    .summary('delete mailboxes with their mails')
    .description('Delete mailboxes with all their mails, here and then on the replicas.')
    .argument('<mailbox...>', 'names with "/" between levels')
    .option('-r, --recursive', 'delete everything below them as well')
    .option('-s, --subscriptions', 'unsubscribe the user from them as well');
  addHelpParts(addUserOption(command), {
    examples: ['mailbox delete -u ann@example.com -s Work/2026', 'mailbox delete -u ann@example.com -r Work'],
    exits: ['notPossible', ...mailExits],
  });
  command.action((names: string[], options: Options) => deleteMailboxes(context, names, options));
}

async function deleteMailboxes(context: CommandContext, names: string[], options: Options): Promise<void> {
  const paths = names.map(parseMailboxName);
  for (const path of paths) refuseInbox(path);
  await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
    for (const path of paths) await deleteOne(mail, path, options);
  });
}

async function deleteOne(mail: UserMail, path: MailboxPath, options: Options): Promise<void> {
  const { nodes } = await mail.tree();
  const below = nodes.filter((node) => node.exists && isBelow(node.path, path));
  const itself = nodes.find((node) => node.exists && mailboxName(node.path) === mailboxName(path));
  if (itself === undefined && below.length === 0) throw noMailbox(options.user, mailboxName(path));
  if (below.length > 0 && !options.recursive && itself?.mailbox === undefined)
    throw notPossible(
      `${JSON.stringify(mailboxName(path))} has mailboxes below it and no mails of its own`,
      '`--recursive` deletes them all',
    );
  // Deepest first: a directory can go only when nothing is below it.
  const doomed = [...(options.recursive ? below : []), ...(itself === undefined ? [] : [itself])];
  for (const node of doomed.sort((a, b) => b.path.length - a.path.length))
    await deleteNode(mail, node, options.recursive === true || below.length === 0);
  if (!options.subscriptions) return;
  for (const node of doomed) await mail.setSubscribed(node.path, false);
}

async function deleteNode(mail: UserMail, node: MailboxNode, withDirectory: boolean): Promise<void> {
  if (node.mailbox !== undefined) await mail.deleteMailbox(node.mailbox.guid);
  if (withDirectory) await mail.deleteDirectory(node.path);
}

const isBelow = (path: MailboxPath, parent: MailboxPath): boolean =>
  path.length > parent.length && parent.every((part, index) => path[index] === part);

function refuseInbox(path: MailboxPath): void {
  if (path.length > 1 || path[0] !== 'INBOX') return;
  throw notPossible('INBOX cannot be deleted', '`dsyncadm mail expunge -m INBOX 1:*` removes its mails');
}
