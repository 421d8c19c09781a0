/** Takes over into a mail store what Dovecot changed in an exported home. */

import { lstat, readdir } from 'node:fs/promises';
import { asUid, asUidValidity, DsyncdError, type MailboxPath } from '@dsyncd/core';
import type { MailChange, UserMail } from '@dsyncd/mailstore';
import { parseSubscriptions } from './dovecot-files.ts';
import { type DovecotHome, defaultLockTimeoutMs, maildirOf } from './export.ts';
import { type ExportedMailbox, type ExportRecord, readRecord, writeRecord } from './export-record.ts';
import { type PathOf, pathsOfFolders } from './folder-names.ts';
import { importMails } from './import-mails.ts';
import {
  claimFolders,
  createMailbox,
  deleteMailbox,
  type FolderClaim,
  freePath,
  pathsByGuid,
  renameMailboxes,
} from './import-tree.ts';
import { exportedUid, isExportedBase } from './mail-file-name.ts';
import { type FolderMail, type MaildirFolder, readIfThere, scanFolders, scanMails } from './read-maildir.ts';

export interface DovecotImportReport {
  readonly mailboxesCreated: number;
  readonly mailboxesRenamed: number;
  readonly mailboxesDeleted: number;
  readonly saved: number;
  readonly flagsChanged: number;
  readonly expunged: number;
  readonly subscriptionsChanged: number;
  /** What was left as it is because taking it over could lose mail, and what could not be read. */
  readonly problems: readonly string[];
}

type Counts = { -readonly [Key in keyof DovecotImportReport]: DovecotImportReport[Key] } & {
  problems: string[];
};

/**
 * Takes over what Dovecot changed since the export or the last import: new mails, flags, keywords,
 * expunges, new, renamed and deleted mailboxes, subscriptions. What the store changed meanwhile
 * stays. Importing twice does nothing the second time; after a crash it is simply repeated.
 * Dovecot should not run for this user meanwhile.
 *
 * @throws {DsyncdError} `DSYNCD_DOVECOT_NO_EXPORT` when the home is not from an export of this user;
 * `DSYNCD_DOVECOT_CHANGED` (outcome transient) when Dovecot changed it during the import.
 */
export async function importDovecot({
  mail,
  home,
  lockTimeoutMs,
}: DovecotHome): Promise<DovecotImportReport> {
  const lock = await mail.lock(lockTimeoutMs ?? defaultLockTimeoutMs);
  try {
    const record = await readRecord(maildirOf(home));
    if (record.user !== mail.user) throw otherUserError(home, record.user, mail.user);
    return await importAll(mail, maildirOf(home), record);
  } finally {
    await lock.release();
  }
}

const otherUserError = (home: string, theirs: string, ours: string): DsyncdError =>
  new DsyncdError('DSYNCD_DOVECOT_NO_EXPORT', `${home} is an export of ${theirs}, not of ${ours}`, {
    outcome: 'operator',
    hint: 'give the home that belongs to the user',
  });

async function importAll(
  mail: UserMail,
  maildir: string,
  record: ExportRecord,
): Promise<DovecotImportReport> {
  const counts: Counts = {
    mailboxesCreated: 0,
    mailboxesRenamed: 0,
    mailboxesDeleted: 0,
    saved: 0,
    flagsChanged: 0,
    expunged: 0,
    subscriptionsChanged: 0,
    problems: [],
  };
  const pathOf = pathsOfFolders(record.mailboxes);
  const folders = await scanFolders(maildir);
  const withOurMails = await foldersWithExportedMails(folders);
  const { claims, deleted } = claimFolders(folders, record.mailboxes, (folder) => withOurMails.has(folder));
  const kept: ExportedMailbox[] = [];
  for (const base of deleted) {
    const { isDeleted, problem } = await deleteMailbox(mail, base, await leftFolder(maildir, base, folders));
    if (isDeleted) counts.mailboxesDeleted++;
    if (problem !== undefined) {
      counts.problems.push(problem);
      kept.push(base);
    }
  }
  counts.mailboxesRenamed = await renameMailboxes(mail, claims, pathOf);
  const mailboxes: ExportedMailbox[] = [];
  for (const claim of claims) {
    const imported = await importFolder(mail, claim, { counts, pathOf });
    if (imported !== undefined) mailboxes.push(imported);
  }
  const subscriptions = await importSubscriptions(mail, maildir, {
    known: record.subscribed,
    mailboxes,
    pathOf,
  });
  counts.subscriptionsChanged = subscriptions.changed;
  await writeRecord(maildir, {
    ...record,
    mailboxes: [...mailboxes, ...kept],
    subscribed: subscriptions.subscribed,
  });
  return counts;
}

/** The folder of a mailbox that is there but does not look like one. */
async function leftFolder(
  maildir: string,
  base: ExportedMailbox,
  folders: readonly MaildirFolder[],
): Promise<string | undefined> {
  if (folders.some(({ name }) => name === base.folder)) return undefined;
  const folder = `${maildir}/.${base.folder}`;
  return (await lstat(folder).catch(() => undefined)) === undefined ? undefined : folder;
}

/** Only such a folder can be the old mailbox when Dovecot's list of UIDs was lost and made anew. */
async function foldersWithExportedMails(
  folders: readonly MaildirFolder[],
): Promise<ReadonlySet<MaildirFolder>> {
  const found = new Set<MaildirFolder>();
  for (const folder of folders) {
    const names = await readdir(`${folder.dir}/cur`);
    if (names.some((name) => exportedUid(name) !== undefined)) found.add(folder);
  }
  return found;
}

async function importFolder(
  mail: UserMail,
  { folder, base }: FolderClaim,
  run: Run,
): Promise<ExportedMailbox | undefined> {
  const at =
    base === undefined ? await newMailbox(mail, folder, run) : await knownMailbox(mail, folder, base, run);
  if (at === undefined) return base;
  const mailbox = await mail.mailbox(at.guid);
  const imported = await importMails({ mail, mailbox, folder, base: at });
  run.counts.saved += imported.saved;
  run.counts.flagsChanged += imported.flagsChanged;
  run.counts.expunged += imported.expunged;
  run.counts.problems.push(...imported.problems);
  return imported.record;
}

interface Run {
  readonly counts: Counts;
  readonly pathOf: PathOf;
}

async function newMailbox(
  mail: UserMail,
  folder: MaildirFolder,
  { counts, pathOf }: Run,
): Promise<ExportedMailbox | undefined> {
  const path: MailboxPath | undefined = folder.name === '' ? ['INBOX'] : pathOf(folder.name);
  if (path === undefined) {
    counts.problems.push(`folder "${folder.name}" has a name that no mailbox can have and is left there`);
    return undefined;
  }
  const { guid, path: kept, isNew } = await createMailbox(mail, folder, path);
  if (isNew) counts.mailboxesCreated++;
  const nothingKnown = { uidNext: 1, highestModSeq: 0, notThere: [], aliases: {}, differing: {} };
  const dovecotGuid = folder.uidList?.guid ?? guid;
  return { folder: folder.name, path: kept, guid, dovecotGuid, ...nothingKnown };
}

/** The mailbox where it is now; made anew when the store deleted it but Dovecot got mails in it since. */
async function knownMailbox(
  mail: UserMail,
  folder: MaildirFolder,
  base: ExportedMailbox,
  { counts, pathOf }: Run,
): Promise<ExportedMailbox | undefined> {
  const path = (await pathsByGuid(mail)).get(base.guid);
  if (path !== undefined) return { ...base, path };
  const known: MailChange[] = [];
  let isNews = false;
  for (const mail of (await scanMails(folder)).values()) {
    const uid = knownUid(mail, base);
    if (uid === undefined) isNews = true;
    else known.push({ type: 'expunged-elsewhere', uid: asUid(uid), guid: mail.guid });
  }
  if (!isNews) return undefined;
  const created = await mail.createMailbox(await freePath(mail, pathOf(folder.name) ?? base.path), {
    guid: base.guid,
    uidValidity: folder.uidList === undefined ? undefined : asUidValidity(folder.uidList.uidValidity),
  });
  counts.mailboxesCreated++;
  // What was deleted with the mailbox stays so.
  await (await mail.mailbox(base.guid)).apply([...known, { type: 'raise', uidNext: asUid(base.uidNext) }]);
  return { ...base, path: created.path, highestModSeq: 0 };
}

/** The UID in the store of a mail that the mailbox had when both sides were last compared. */
function knownUid(mail: FolderMail, base: ExportedMailbox): number | undefined {
  if (Object.hasOwn(base.aliases, mail.base)) return base.aliases[mail.base];
  const uid = exportedUid(mail.base);
  if (uid !== undefined && isExportedBase(mail.base, base.guid, uid, mail.guid)) return uid;
  return mail.uid !== undefined && mail.uid < base.uidNext ? mail.uid : undefined;
}

/** Takes over what Dovecot subscribed and unsubscribed. Without a `subscriptions` file nothing is unsubscribed. */
async function importSubscriptions(
  mail: UserMail,
  maildir: string,
  sides: {
    readonly known: ExportRecord['subscribed'];
    readonly mailboxes: readonly ExportedMailbox[];
    readonly pathOf: PathOf;
  },
): Promise<{ readonly changed: number; readonly subscribed: ExportRecord['subscribed'] }> {
  const text = await readIfThere(`${maildir}/subscriptions`);
  if (text === '') return { changed: 0, subscribed: sides.known };
  const pathOfFolder = new Map<string, MailboxPath>([
    ...sides.known.map(({ folder, path }) => [folder, path] as const),
    ...sides.mailboxes.map(({ folder, path }) => [folder || 'INBOX', path] as const),
  ]);
  const folders = [...new Set(parseSubscriptions(text))];
  const subscribed = folders.flatMap((folder) => {
    const path = pathOfFolder.get(folder) ?? sides.pathOf(folder);
    return path === undefined ? [] : [{ folder, path }];
  });
  const before = new Set(sides.known.map(({ folder }) => folder));
  const after = new Set(folders);
  let changed = 0;
  for (const { folder, path } of sides.known)
    if (!after.has(folder)) {
      await mail.setSubscribed(path, false);
      changed++;
    }
  for (const { folder, path } of subscribed)
    if (!before.has(folder)) {
      await mail.setSubscribed(path, true);
      changed++;
    }
  return { changed, subscribed };
}
