import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  asUid,
  compileMask,
  countOf,
  DsyncdError,
  formatUserName,
  isUserName,
  parseUserName,
  type Uid,
  type UserName,
} from '@dsyncd/core';
import {
  type DovecotExportReport,
  type DovecotImportReport,
  exportDovecot,
  importDovecot,
} from '@dsyncd/dovecot-maildir';
import type { MailboxMail, MaildirStore, MailRecord, UserMail } from '@dsyncd/mailstore';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { notPossible, noUsers } from '../errors.ts';
import { addHelpParts, addJsonOption, addUserOption, exitCodes } from '../exit-codes.ts';
import { printable } from '../output/table.ts';
import { forEachUser, mailsPerBatch } from '../selection.ts';

interface StoreCheckOptions {
  readonly user: string;
  readonly json?: boolean;
}

export function registerStoreCheck(parent: Command, context: CommandContext): void {
  const command = parent
    .command('check')
    .summary("check a user's mail on disk")
    .description(
      "Open a user's index and read every mail. A mail that is missing on disk is noted, and the next sync " +
        'fetches it back from the replica.',
    );
  addHelpParts(addJsonOption(addUserOption(command)), {
    examples: ['store check -u ann@example.com'],
    exits: ['noUser', 'damaged', 'temporary', 'permission', 'config'],
  });
  command.action((options: StoreCheckOptions) => check(context, options));
}

async function check(context: CommandContext, options: StoreCheckOptions): Promise<void> {
  const report = await context.withUserMail(options.user, checkStore);
  if (options.json) await context.terminal.printJson(report);
  else await context.terminal.print(reportText(options.user, report));
  context.exitWith(report.damages.length === 0 ? exitCodes.ok : exitCodes.damaged);
}

function reportText(user: string, { mailboxes, mails, damages }: StoreReport): string {
  const lines = damages.map(({ mailbox, uid, problem }) => `${mailbox}, UID ${uid}: ${problem}`);
  const counts = `${countOf(mailboxes, 'mailbox', 'mailboxes')}, ${countOf(mails, 'mail')}`;
  lines.push(
    damages.length === 0
      ? `${user}: ${counts}, all good`
      : `${user}: ${counts}, ${damages.length} damaged; \`dsyncadm replicator replicate -f ${user}\` fetches missing ones back`,
  );
  return lines.map((line) => `${printable(line)}\n`).join('');
}

interface StoreRebuildOptions {
  readonly user: string;
  readonly force?: boolean;
}

export function registerStoreRebuild(parent: Command, context: CommandContext): void {
  const command = parent
    .command('rebuild')
    .summary('make a new index from the mail files')
    .description(
      'Make a new index from the mail files, when the present one is damaged beyond use. Mailboxes and mails ' +
        'keep their names, GUIDs and UIDs; flags and subscriptions come back with the next full sync. The ' +
        'damaged index is kept beside the new one.',
    )
    .option('--force', 'also when the present index can be read');
  addHelpParts(addUserOption(command), {
    examples: ['store rebuild -u ann@example.com && dsyncadm replicator replicate -f ann@example.com'],
    exits: ['notPossible', 'noUser', 'temporary', 'permission', 'config'],
  });
  command.action((options: StoreRebuildOptions) => rebuild(context, options));
}

async function rebuild(context: CommandContext, options: StoreRebuildOptions): Promise<void> {
  const user = parseUserName(options.user);
  const store = await context.store();
  // It would lose flags, and bring expunged mails back whose files are still there.
  const isHealthy = await isReadable(store, user);
  if (isHealthy && !options.force)
    throw notPossible(`the index of ${user} can be read`, '`--force` rebuilds it all the same');
  const { mailboxes, movedTo } = await store.rebuildIndex(user);
  const lines = [
    ...mailboxes.map(({ path, mails }) => `${path}: ${countOf(mails, 'mail')}`),
    ...(movedTo === undefined ? [] : [`the old index is now ${movedTo}`]),
    `next: \`dsyncadm replicator replicate -f ${user}\` on this host brings flags back`,
  ];
  await context.terminal.print(lines.map((line) => `${printable(line)}\n`).join(''));
}

/** @throws {DsyncdError} for anything but a damaged index, such as a user without a home. */
async function isReadable(store: MaildirStore, user: UserName): Promise<boolean> {
  try {
    const mail = await store.open(user);
    await mail.close();
    return true;
  } catch (error) {
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_INDEX_DAMAGED') return false;
    throw error;
  }
}

interface StoreExportOptions {
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
  command.action((folder: string, options: StoreExportOptions) => exportUsers(context, folder, options));
}

async function exportUsers(
  context: CommandContext,
  folder: string,
  options: StoreExportOptions,
): Promise<void> {
  const store = await context.store();
  const { usernameFormat } = await context.config();
  const mask = formatUserName(options.user as UserName, usernameFormat);
  const { exitCode, userCount } = await forEachUser(
    matchingUsers(store, mask),
    async (user) => {
      const report = await context.withUserMail(user, (mail) =>
        exportDovecot({ mail, home: join(resolve(folder), user) }),
      );
      await context.terminal.print(exportReportText(user, report));
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

function exportReportText(user: string, { mailboxes, mails, copied, problems }: DovecotExportReport): string {
  const counts = `${countOf(mailboxes, 'mailbox', 'mailboxes')}, ${countOf(mails, 'mail')}`;
  const lines = [`${user}: ${counts}${copied === 0 ? '' : `, ${copied} of them copied`}`];
  lines.push(...problems.map((problem) => `  ${problem}`));
  return lines.map((line) => `${printable(line)}\n`).join('');
}

interface StoreImportOptions {
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
  command.action((folder: string, options: StoreImportOptions) => importUsers(context, folder, options));
}

async function importUsers(
  context: CommandContext,
  folder: string,
  options: StoreImportOptions,
): Promise<void> {
  const homes = resolve(folder);
  // Becomes the owner of the mail before any file of an export is touched.
  await context.store();
  const { exitCode, userCount } = await forEachUser(
    await exportedUsers(homes, options.user),
    async (user) => {
      const report = await context.changeUserMail({ user, priority: 'high' }, (mail) =>
        importDovecot({ mail, home: join(homes, user) }),
      );
      await context.terminal.print(importReportText(user, report));
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

function importReportText(user: string, report: DovecotImportReport): string {
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

export interface StoreReport {
  readonly mailboxes: number;
  readonly mails: number;
  readonly damages: readonly MailDamage[];
}

export interface MailDamage {
  readonly mailbox: string;
  readonly uid: Uid;
  readonly problem: string;
}

/** Reads every body of a user and compares it with the index. Changes nothing but what the store notes of lost bodies. */
export async function checkStore(mail: UserMail): Promise<StoreReport> {
  const { nodes } = await mail.tree();
  const damages: MailDamage[] = [];
  let mailboxes = 0;
  let mails = 0;
  for (const { path, mailbox: status } of nodes) {
    if (status === undefined) continue;
    mailboxes++;
    const mailbox = await mail.mailbox(status.guid);
    for await (const record of allMails(mailbox)) {
      mails++;
      const problem = await problemOf(mailbox, record);
      if (problem !== undefined) damages.push({ mailbox: path.join('/'), uid: record.uid, problem });
    }
  }
  return { mailboxes, mails, damages };
}

async function* allMails(mailbox: MailboxMail): AsyncGenerator<MailRecord> {
  for (let from = 1; ; ) {
    const page = await mailbox.mails(asUid(from), mailsPerBatch);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < mailsPerBatch) return;
    from = last.uid + 1;
  }
}

async function problemOf(mailbox: MailboxMail, { uid, size }: MailRecord): Promise<string | undefined> {
  try {
    let bytes = 0;
    for await (const chunk of await mailbox.body(uid)) bytes += (chunk as Uint8Array).length;
    return bytes === size ? undefined : `has ${bytes} bytes on disk, the index knows ${size}`;
  } catch (error) {
    if (!(error instanceof DsyncdError)) throw error;
    // Expunged since the page was read.
    if (error.code === 'DSYNCD_STORE_NO_MAIL') return undefined;
    if (error.code === 'DSYNCD_STORE_BODY_LOST') return 'is missing or cut short on disk';
    throw error;
  }
}
