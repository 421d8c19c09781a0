import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { compileMask, countOf, isUserName, type UserName } from '@dsyncd/core';
import { type DovecotImportReport, importDovecot } from '@dsyncd/dovecot-maildir';
import type { Command } from 'commander';
import { addHelpParts } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { forEachUser } from '../each-user.ts';
import { noUsers } from '../errors.ts';
import { printable } from '../output/table.ts';

interface Options {
  readonly user: string;
}

export function registerStoreImport(parent: Command, context: CommandContext): void {
  const command = parent
    .command('import')
    .summary('take over what Dovecot changed in exported homes')
    .description(
      'Take over what Dovecot changed since `store export` or the last import: new mails, flags, expunges, ' +
        'mailboxes, subscriptions. What changed in the store meanwhile stays. Dovecot must not run for these ' +
        'users meanwhile. Doing it twice changes nothing.',
    )
    .argument('<folder>', 'where `store export` put the homes')
    .option('-u, --user <mask>', 'users; * is any text, ? one character', '*');
  addHelpParts(command, {
    examples: ["store import -u '*@example.com' /srv/dovecot"],
    exits: ['noUser', 'needsPerson', 'temporary', 'permission', 'config'],
  });
  command.action((folder: string, options: Options) => importUsers(context, folder, options));
}

async function importUsers(context: CommandContext, folder: string, options: Options): Promise<void> {
  const homes = resolve(folder);
  // Becomes the owner of the mail before any file of an export is touched.
  await context.store();
  const { exitCode, userCount } = await forEachUser(
    await exportedUsers(homes, options.user),
    async (user) => {
      const report = await context.changeUserMail({ user, priority: 'high' }, (mail) =>
        importDovecot({ mail, home: join(homes, user) }),
      );
      await context.terminal.print(reportText(user, report));
    },
    (text) => context.terminal.note(text),
  );
  if (userCount === 0) throw noUsers(options.user);
  context.exitWith(exitCode);
}

async function exportedUsers(homes: string, mask: string): Promise<UserName[]> {
  const isWanted = compileMask(mask);
  const names = await readdir(homes);
  return names.filter(isUserName).filter(isWanted).sort();
}

function reportText(user: string, report: DovecotImportReport): string {
  const { mailboxesCreated, mailboxesRenamed, mailboxesDeleted } = report;
  const mailboxes = mailboxesCreated + mailboxesRenamed + mailboxesDeleted;
  const done = [
    [report.saved, `${countOf(report.saved, 'mail')} saved`],
    [report.flagsChanged, `flags of ${countOf(report.flagsChanged, 'mail')} changed`],
    [report.expunged, `${countOf(report.expunged, 'mail')} expunged`],
    [mailboxes, `${countOf(mailboxes, 'mailbox', 'mailboxes')} created, renamed or deleted`],
    [report.subscriptionsChanged, `${countOf(report.subscriptionsChanged, 'subscription')} changed`],
  ] as const;
  const texts = done.filter(([count]) => count > 0).map(([, text]) => text);
  const lines = [`${user}: ${texts.length === 0 ? 'nothing to do' : texts.join(', ')}`];
  lines.push(...report.problems.map((problem) => `  ${problem}`));
  return lines.map((line) => `${printable(line)}\n`).join('');
}
