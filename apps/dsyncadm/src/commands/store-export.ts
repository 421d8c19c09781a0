import { join, resolve } from 'node:path';
import { compileMask, countOf, formatUserName, isUserName, type UserName } from '@dsyncd/core';
import { type DovecotExportReport, exportDovecot } from '@dsyncd/dovecot-maildir';
import type { MaildirStore } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import { addHelpParts } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { forEachUser } from '../each-user.ts';
import { noUsers } from '../errors.ts';
import { printable } from '../output/table.ts';

interface Options {
  readonly dovecot: true;
  readonly user: string;
}

export function registerStoreExport(parent: Command, context: CommandContext): void {
  const command = parent
    .command('export')
    .summary('make homes that a stock Dovecot opens')
    .description(
      'Make a home with a Maildir for each user, which a stock Dovecot opens with mail_location = ' +
        'maildir:~/Maildir: same UIDs, UIDVALIDITYs, GUIDs, flags and subscriptions. Mails become hard links ' +
        'where the file system allows it. Nothing that is there is overwritten. `store import` brings back ' +
        'what Dovecot changed.',
    )
    .argument('<folder>', 'where the homes go, each under its user name')
    .requiredOption('--dovecot', 'the format: Maildir as Dovecot 2.3 and 2.4 keep it')
    .option('-u, --user <mask>', 'users; * is any text, ? one character', '*');
  addHelpParts(command, {
    examples: ["store export --dovecot -u '*@example.com' /srv/dovecot"],
    exits: ['noUser', 'needsPerson', 'temporary', 'permission', 'config'],
  });
  command.action((folder: string, options: Options) => exportUsers(context, folder, options));
}

async function exportUsers(context: CommandContext, folder: string, options: Options): Promise<void> {
  const store = await context.store();
  const { usernameFormat } = await context.config();
  const mask = formatUserName(options.user as UserName, usernameFormat);
  const { exitCode, userCount } = await forEachUser(
    matchingUsers(store, mask),
    async (user) => {
      const report = await context.withUserMail(user, (mail) =>
        exportDovecot({ mail, home: join(resolve(folder), user) }),
      );
      await context.terminal.print(reportText(user, report));
    },
    (text) => context.terminal.note(text),
  );
  if (userCount === 0) throw noUsers(options.user);
  context.exitWith(exitCode);
}

/** A name without wildcards need not be searched for, and one that does not exist is then an error of its own. */
async function* matchingUsers(store: MaildirStore, mask: string): AsyncGenerator<UserName> {
  if (!/[*?]/.test(mask) && isUserName(mask)) {
    yield mask;
    return;
  }
  const isWanted = compileMask(mask);
  for await (const user of store.users()) if (isWanted(user)) yield user;
}

function reportText(user: string, { mailboxes, mails, copied, problems }: DovecotExportReport): string {
  const counts = `${countOf(mailboxes, 'mailbox', 'mailboxes')}, ${countOf(mails, 'mail')}`;
  const lines = [`${user}: ${counts}${copied === 0 ? '' : `, ${copied} of them copied`}`];
  lines.push(...problems.map((problem) => `  ${problem}`));
  return lines.map((line) => `${printable(line)}\n`).join('');
}
