import { compileMask, type MailboxPath } from '@dsyncd/core';
import { type MailboxNode, type MailboxStatus, renameInbox, type UserMail } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { noMailbox, notPossible } from '../errors.ts';
import { addHelpParts, addJsonOption, addUserOption, mailExits } from '../exit-codes.ts';
import { mailboxName, parseMailboxName } from '../input/arguments.ts';
import { formatList, printable } from '../output/table.ts';

interface MailboxListOptions {
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
  command.action((mask: string, options: MailboxListOptions) => listMailboxes(context, mask, options));
}

async function listMailboxes(
  context: CommandContext,
  mask: string,
  options: MailboxListOptions,
): Promise<void> {
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

interface MailboxStatusOptions {
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
  command.action((mask: string, options: MailboxStatusOptions) => showStatus(context, mask, options));
}

async function showStatus(
  context: CommandContext,
  mask: string,
  options: MailboxStatusOptions,
): Promise<void> {
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

interface MailboxCreateOptions {
  readonly user: string;
  readonly subscriptions?: boolean;
  readonly createUser?: boolean;
}

export function registerMailboxCreate(parent: Command, context: CommandContext): void {
  const command = parent
    .command('create')
    .summary('create mailboxes')
    .description('Create mailboxes; parents that are missing are made as directories.')
    .argument('<mailbox...>', 'names with "/" between levels')
    .option('-s, --subscriptions', 'subscribe the user to them as well')
    .option('--create-user', "make the user's mail home when it does not exist yet");
  addHelpParts(addUserOption(command), {
    examples: ['mailbox create -u ann@example.com -s Work Work/2026'],
    exits: ['notPossible', ...mailExits],
  });
  command.action((names: string[], options: MailboxCreateOptions) =>
    createMailboxes(context, names, options),
  );
}

async function createMailboxes(
  context: CommandContext,
  names: string[],
  options: MailboxCreateOptions,
): Promise<void> {
  const paths = names.map(parseMailboxName);
  const create = options.createUser === true;
  await context.changeUserMail({ user: options.user, create, priority: 'low' }, async (mail) => {
    for (const path of paths) {
      await mail.createMailbox(path);
      if (options.subscriptions) await mail.setSubscribed(path, true);
    }
  });
}

interface MailboxRenameOptions {
  readonly user: string;
  readonly subscriptions?: boolean;
}

export function registerMailboxRename(parent: Command, context: CommandContext): void {
  const command = parent
    .command('rename')
    .summary('rename a mailbox')
    .description(
      'Rename a mailbox and everything below it. Its mails are not copied: the replica renames as well. ' +
        'Renaming INBOX moves its mails away and leaves an empty INBOX.',
    )
    .argument('<old>', 'present name')
    .argument('<new>', 'new name')
    .option('-s, --subscriptions', 'move the subscription as well');
  addHelpParts(addUserOption(command), {
    examples: ['mailbox rename -u ann@example.com -s Work Archive/Work'],
    exits: ['notPossible', ...mailExits],
  });
  command.action((from: string, to: string, options: MailboxRenameOptions) =>
    renameMailbox(context, from, to, options),
  );
}

async function renameMailbox(
  context: CommandContext,
  from: string,
  to: string,
  options: MailboxRenameOptions,
): Promise<void> {
  const fromPath = parseMailboxName(from);
  const toPath = parseMailboxName(to);
  await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
    if (fromPath.join('/') === 'INBOX') await renameInbox(mail, toPath);
    else await mail.rename(fromPath, toPath);
    if (!options.subscriptions) return;
    await mail.setSubscribed(toPath, true);
    await mail.setSubscribed(fromPath, false);
  });
}

interface MailboxDeleteOptions {
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
  command.action((names: string[], options: MailboxDeleteOptions) =>
    deleteMailboxes(context, names, options),
  );
}

async function deleteMailboxes(
  context: CommandContext,
  names: string[],
  options: MailboxDeleteOptions,
): Promise<void> {
  const paths = names.map(parseMailboxName);
  for (const path of paths) refuseInbox(path);
  await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
    for (const path of paths) await deleteOne(mail, path, options);
  });
}

async function deleteOne(mail: UserMail, path: MailboxPath, options: MailboxDeleteOptions): Promise<void> {
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

interface MailboxSubscribeOptions {
  readonly user: string;
}

export function registerMailboxSubscribe(parent: Command, context: CommandContext): void {
  const command = parent
    .command('subscribe')
    .summary('subscribe to mailboxes')
    .description('Subscribe a user to mailboxes; they need not exist.')
    .argument('<mailbox...>', 'names with "/" between levels');
  addHelpParts(addUserOption(command), {
    examples: ['mailbox subscribe -u ann@example.com Work Lists/news'],
    exits: mailExits,
  });
  command.action(async (names: string[], options: MailboxSubscribeOptions) => {
    const paths = names.map(parseMailboxName);
    await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
      for (const path of paths) await mail.setSubscribed(path, true);
    });
  });
}

interface MailboxUnsubscribeOptions {
  readonly user: string;
}

export function registerMailboxUnsubscribe(parent: Command, context: CommandContext): void {
  const command = parent
    .command('unsubscribe')
    .summary('unsubscribe from mailboxes')
    .description("Remove mailboxes from a user's subscriptions; the mailboxes stay.")
    .argument('<mailbox...>', 'names with "/" between levels');
  addHelpParts(addUserOption(command), {
    examples: ['mailbox unsubscribe -u ann@example.com Work Lists/news'],
    exits: mailExits,
  });
  command.action(async (names: string[], options: MailboxUnsubscribeOptions) => {
    const paths = names.map(parseMailboxName);
    await context.changeUserMail({ user: options.user, priority: 'low' }, async (mail) => {
      for (const path of paths) await mail.setSubscribed(path, false);
    });
  });
}
