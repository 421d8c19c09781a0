/** A home that a stock Dovecot opens with its maildir driver, made from a mail store. */

import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { DsyncdError, type MailboxPath } from '@dsyncd/core';
import type { MailboxNode, MailboxStatus, MailboxTree, UserMail } from '@dsyncd/mailstore';
import { formatSubscriptions } from './dovecot-files.ts';
import { exportMailbox, type MailboxExport } from './export-mailbox.ts';
import { type ExportRecord, writeRecord } from './export-record.ts';
import { encodeFolder, folderNames } from './folder-names.ts';

export interface DovecotHome {
  readonly mail: UserMail;
  /** The user's home for Dovecot; the mail is in `Maildir` below it, as `mail_location = maildir:~/Maildir` says. */
  readonly home: string;
  /** How long to wait for the user's sync lock; default 30,000. */
  readonly lockTimeoutMs?: number;
}

export interface DovecotExportReport {
  readonly mailboxes: number;
  readonly mails: number;
  readonly linked: number;
  readonly copied: number;
  /** What Dovecot cannot have as it is; each is still in the store. */
  readonly problems: readonly string[];
}

export const maildirOf = (home: string): string => `${home}/Maildir`;
export const defaultLockTimeoutMs = 30_000;

/**
 * Makes `home/Maildir` (Maildir++) with the mailboxes, UIDVALIDITYs, UIDs, GUIDs, flags, keywords,
 * received dates and subscriptions of the store. It appears whole or not at all. Bodies become hard
 * links where the file system allows it, so both must belong to the same system user.
 *
 * @throws {DsyncdError} `DSYNCD_DOVECOT_HOME_TAKEN` when `home/Maildir` exists: nothing is ever overwritten.
 */
export async function exportDovecot({
  mail,
  home,
  lockTimeoutMs,
}: DovecotHome): Promise<DovecotExportReport> {
  const lock = await mail.lock(lockTimeoutMs ?? defaultLockTimeoutMs);
  try {
    await refuseTakenHome(home);
    const staging = `${maildirOf(home)}.dsyncd-new`;
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { recursive: true, mode: 0o700 });
    const exported = await exportTree(mail, staging);
    await rename(staging, maildirOf(home));
    return exported;
  } finally {
    await lock.release();
  }
}

async function refuseTakenHome(home: string): Promise<void> {
  const maildir = maildirOf(home);
  const present = await lstat(maildir).catch(() => undefined);
  if (present === undefined) return;
  throw new DsyncdError('DSYNCD_DOVECOT_HOME_TAKEN', `${maildir} exists already`, {
    outcome: 'operator',
    hint: 'import what Dovecot changed there and move it away, or give another home',
  });
}

async function exportTree(mail: UserMail, maildir: string): Promise<DovecotExportReport> {
  const tree = await mail.tree();
  const names = folderNames(tree.nodes.map(({ path }) => path));
  const folderOf = (path: MailboxPath): string => names.get(path) ?? '';
  const problems = [...nameProblems(tree.nodes, folderOf)];
  const done: MailboxExport[] = [];
  for (const { path, mailbox } of tree.nodes) {
    if (mailbox === undefined) continue;
    const exported = await exportMailbox(await mail.mailbox(mailbox.guid), {
      maildir,
      path,
      folder: folderOf(path),
    });
    done.push(exported);
    problems.push(...exported.problems);
  }
  const subscribed = subscribedFolders(tree, folderOf);
  await writeFile(`${maildir}/subscriptions`, formatSubscriptions(subscribed.map(({ folder }) => folder)), {
    mode: 0o600,
  });
  await writeUidValidity(
    maildir,
    tree.nodes.flatMap(({ mailbox }) => mailbox ?? []),
  );
  const record: ExportRecord = {
    version: 1,
    user: mail.user,
    mailboxes: done.map((one) => one.record),
    subscribed,
  };
  await writeRecord(maildir, record);
  const sum = (count: (one: MailboxExport) => number): number =>
    done.reduce((total, one) => total + count(one), 0);
  return {
    mailboxes: done.length,
    mails: sum((one) => one.linked + one.copied),
    linked: sum((one) => one.linked),
    copied: sum((one) => one.copied),
    problems,
  };
}

export const subscribedFolders = (tree: MailboxTree, folderOf: (path: MailboxPath) => string) =>
  tree.nodes
    .filter(({ subscribed }) => subscribed)
    .map(({ path }) => ({ folder: folderOf(path) || 'INBOX', path }));

function* nameProblems(
  nodes: readonly MailboxNode[],
  folderOf: (path: MailboxPath) => string,
): Generator<string> {
  const parents = new Set(nodes.filter((node) => node.exists).map(({ path }) => path.slice(0, -1).join('/')));
  for (const { path, exists, mailbox } of nodes) {
    const name = path.join('/');
    const folder = folderOf(path);
    if (folder !== '' && folder !== encodeFolder(path)) yield `mailbox "${name}" is called "${folder}" there`;
    if (exists && mailbox === undefined && !parents.has(name))
      yield `directory "${name}" has no mailbox and is left out: Maildir++ has no such thing`;
  }
}

/** Dovecot notes the highest UIDVALIDITY here, so that a mailbox it creates gets a higher one. */
async function writeUidValidity(maildir: string, mailboxes: readonly MailboxStatus[]): Promise<void> {
  const highest = mailboxes.reduce((value, { uidValidity }) => Math.max(value, uidValidity), 1);
  const hex = highest.toString(16).padStart(8, '0');
  await writeFile(`${maildir}/dovecot-uidvalidity`, hex, { mode: 0o600 });
  await writeFile(`${maildir}/dovecot-uidvalidity.${hex}`, '', { mode: 0o444 });
}
