/** Takes over what Dovecot changed in the tree: new, renamed and deleted mailboxes. */

import { asUid, asUidValidity, type MailboxGuid, type MailboxPath } from '@dsyncd/core';
import { isBelow, isInbox, parentsOf, pathKey, type UserMail } from '@dsyncd/mailstore';
import type { ExportedMailbox } from './export-record.ts';
import type { PathOf } from './folder-names.ts';
import type { MaildirFolder } from './read-maildir.ts';

/** A folder of Dovecot's and the mailbox that it is, as far as both sides knew it before. */
export interface FolderClaim {
  readonly folder: MaildirFolder;
  readonly base: ExportedMailbox | undefined;
}

export interface Claims {
  readonly claims: readonly FolderClaim[];
  /** Mailboxes that Dovecot deleted. */
  readonly deleted: readonly ExportedMailbox[];
}

/** Which folder is which mailbox: by Dovecot's GUID for it, or by name where the folder has none. Pure. */
export function claimFolders(
  folders: readonly MaildirFolder[],
  known: readonly ExportedMailbox[],
  hasMailsOf: (folder: MaildirFolder, base: ExportedMailbox) => boolean,
): Claims {
  const free = new Map(known.map((base) => [base.dovecotGuid as string, base]));
  const claimed = new Map<MaildirFolder, ExportedMailbox>();
  const claim = (folder: MaildirFolder, base: ExportedMailbox | undefined): void => {
    if (base === undefined || claimed.has(folder) || !free.delete(base.dovecotGuid)) return;
    claimed.set(folder, base);
  };
  const byGuid = (folder: MaildirFolder) => free.get(folder.uidList?.guid ?? '');
  const byName = (folder: MaildirFolder) => [...free.values()].find((base) => base.folder === folder.name);
  for (const folder of folders) if (folder.name === '') claim(folder, byName(folder));
  // A folder that was copied with its list has the GUID of the first: the one under the old name is it.
  for (const folder of folders) if (byGuid(folder)?.folder === folder.name) claim(folder, byGuid(folder));
  for (const folder of folders) claim(folder, byGuid(folder));
  for (const folder of folders) {
    const base = byName(folder);
    if (base !== undefined && (folder.uidList?.guid === undefined || hasMailsOf(folder, base)))
      claim(folder, base);
  }
  return {
    claims: folders.map((folder) => ({ folder, base: claimed.get(folder) })),
    deleted: [...free.values()],
  };
}

/** Paths of mailboxes as they are now. */
export async function pathsByGuid(mail: UserMail): Promise<ReadonlyMap<MailboxGuid, MailboxPath>> {
  const { nodes } = await mail.tree();
  return new Map(nodes.flatMap(({ path, mailbox }) => (mailbox === undefined ? [] : [[mailbox.guid, path]])));
}

/** Renames what Dovecot renamed; where two changed places, by way of a third name. */
export async function renameMailboxes(
  mail: UserMail,
  claims: readonly FolderClaim[],
  pathOf: PathOf,
): Promise<number> {
  const wanted = claims.flatMap(({ folder, base }) => {
    const to = base === undefined || base.folder === folder.name ? undefined : pathOf(folder.name);
    return base === undefined || to === undefined ? [] : [{ guid: base.guid, to }];
  });
  wanted.sort((a, b) => a.to.length - b.to.length);
  const moving = new Set(wanted.map(({ guid }) => guid));
  let count = 0;
  for (const { guid, to } of wanted) {
    const occupant = (await mail.mailboxByPath(to))?.guid;
    if (occupant === undefined || occupant === guid || !moving.has(occupant)) continue;
    await renameTo(mail, occupant, passingName(occupant));
  }
  for (const { guid, to } of wanted) if (await renameTo(mail, guid, to)) count++;
  return count;
}

const passingName = (guid: MailboxGuid): MailboxPath => [`dsyncd-import-${guid}`];

async function renameTo(mail: UserMail, guid: MailboxGuid, to: MailboxPath): Promise<boolean> {
  const from = (await pathsByGuid(mail)).get(guid);
  if (from === undefined || isInbox(from) || pathKey(from) === pathKey(to)) return false;
  if (isBelow(to, from)) {
    await mail.rename(from, passingName(guid));
    return renameTo(mail, guid, to);
  }
  await mail.deleteDirectory(to);
  await mail.rename(from, await freePath(mail, to));
  await dropEmptyParents(mail, from);
  return true;
}

/** `to`, or with a number behind when that name exists. */
export async function freePath(mail: UserMail, to: MailboxPath): Promise<MailboxPath> {
  const { nodes } = await mail.tree();
  const taken = new Set(nodes.filter(({ exists }) => exists).map(({ path }) => pathKey(path)));
  for (let number = 1; ; number++) {
    const path = number === 1 ? to : [...to.slice(0, -1), `${to.at(-1)} (${number})`];
    if (!taken.has(pathKey(path))) return path;
  }
}

/** Maildir++ has no directories: they go with their last mailbox. */
async function dropEmptyParents(mail: UserMail, path: MailboxPath): Promise<void> {
  for (const parent of [...parentsOf(path)].reverse()) await mail.deleteDirectory(parent);
}

/**
 * Deletes a mailbox that Dovecot deleted. One that got mails in the store since stays, as does one
 * whose folder is still there but cannot be read as one.
 */
export async function deleteMailbox(
  mail: UserMail,
  base: ExportedMailbox,
  leftFolder: string | undefined,
): Promise<{ readonly isDeleted: boolean; readonly problem?: string }> {
  const path = (await pathsByGuid(mail)).get(base.guid);
  if (path === undefined) return { isDeleted: false };
  const name = path.join('/');
  if (leftFolder !== undefined)
    return { isDeleted: false, problem: `mailbox "${name}" stays: ${leftFolder} is damaged, not deleted` };
  const mailbox = await mail.mailbox(base.guid);
  const [news] = await mailbox.mails(asUid(base.uidNext), 1);
  if (isInbox(path) || news !== undefined || base.notThere.length > 0)
    return {
      isDeleted: false,
      problem: `mailbox "${name}" was deleted there, but stays: the store has mails in it that Dovecot never had`,
    };
  await mail.deleteMailbox(base.guid);
  await dropEmptyParents(mail, path);
  return { isDeleted: true };
}

/** The store's mailbox for a folder that Dovecot made: a new one, or the one that the store made under that name. */
export async function createMailbox(
  mail: UserMail,
  folder: MaildirFolder,
  path: MailboxPath,
): Promise<{ readonly guid: MailboxGuid; readonly path: MailboxPath; readonly isNew: boolean }> {
  const paths = await pathsByGuid(mail);
  const guid = folder.uidList?.guid;
  const sameGuid = guid === undefined ? undefined : paths.get(guid);
  if (guid !== undefined && sameGuid !== undefined) return { guid, path: sameGuid, isNew: false };
  const sameName = await mail.mailboxByPath(path);
  if (sameName !== undefined) return { guid: sameName.guid, path, isNew: false };
  const uidValidity = folder.uidList?.uidValidity;
  const created = await mail.createMailbox(path, {
    guid,
    uidValidity: uidValidity === undefined ? undefined : asUidValidity(uidValidity),
  });
  return { guid: created.guid, path: created.path, isNew: true };
}
