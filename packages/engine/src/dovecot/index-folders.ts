import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { systemCode } from '@dsyncd/core';
import type { UserFields } from './auth-client.ts';

/** What Dovecot writes whenever mail of any mailbox but INBOX, a mailbox or a subscription changes; also when it syncs. */
const listLog = 'dovecot.list.index.log';
/** Of one mailbox: mails and flags. */
const mailboxLog = 'dovecot.index.log';
/** With the log they grow with the number of mails. */
const sizedFiles = ['dovecot.index', 'dovecot.index.cache', mailboxLog] as const;
/** Renamed, deleted and subscribed mailboxes. */
const treeLog = 'dovecot.mailbox.log';
/** What another program delivers into a Maildir shows here only. */
const arrivals = 'new';

/** INBOX has no part in the list's index. Maildir, dbox of both kinds, mbox. */
const inboxPlaces = [
  mailboxLog,
  arrivals,
  `mailboxes/INBOX/dbox-Mails/${mailboxLog}`,
  `.imap/INBOX/${mailboxLog}`,
] as const;

/** Folders full of mails, which are not looked into. */
const mailFolders = new Set(['cur', 'new', 'tmp', 'storage']);
/** Where dbox has the mails of one mailbox and, among them, its index. */
const dboxFolder = 'dbox-Mails';
/** A user with more than that is not checked in this way. */
const foldersMax = 100_000;

/** Milliseconds; undefined: not there. @throws what keeps us from looking. */
async function timeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(error));

/** Is this a folder in which Dovecot keeps the indexes of a user? */
export async function isIndexFolder(folder: string): Promise<boolean> {
  for (const name of [listLog, mailboxLog, 'mailboxes'])
    if ((await timeOf(join(folder, name))) !== undefined) return true;
  return false;
}

/**
 * Was any mailbox below `folder` changed at that time or later? By the times of Dovecot's indexes alone: nothing is opened.
 *
 * A sync with nothing to do writes the list's index, too. So that says only who may have changed; the logs of the
 * mailboxes, which such a sync leaves alone, decide.
 * @param sinceMs - Unix milliseconds
 * @returns undefined when the folder has no indexes, or too many folders to check
 * @throws what keeps us from looking: EACCES
 */
export async function hasChangedSince(folder: string, sinceMs: number): Promise<boolean | undefined> {
  if (!(await isIndexFolder(folder))) return undefined;
  const isNewer = async (path: string): Promise<boolean> => ((await timeOf(path)) ?? 0) >= sinceMs;
  for (const place of inboxPlaces) if (await isNewer(join(folder, place))) return true;
  const listedAt = await timeOf(join(folder, listLog));
  if (listedAt !== undefined && listedAt < sinceMs) return false;
  let seen = 0;
  for await (const next of foldersBelow(folder)) {
    if (++seen > foldersMax) return undefined;
    for (const name of [mailboxLog, treeLog, arrivals]) if (await isNewer(join(next, name))) return true;
  }
  return false;
}

/** Of all mailboxes below `folder`, how large the files of Dovecot's indexes are that grow with the number of mails. */
export async function indexBytes(folder: string): Promise<number> {
  let bytes = 0;
  let seen = 0;
  for await (const next of foldersBelow(folder)) {
    if (++seen > foldersMax) break;
    for (const name of sizedFiles)
      bytes += await stat(join(next, name)).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return bytes;
}

/** The folder and those below it in which there may be indexes. */
async function* foldersBelow(folder: string): AsyncGenerator<string> {
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    if (!next.endsWith(`/${dboxFolder}`)) waiting.push(...(await foldersIn(next)));
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !mailFolders.has(entry.name))
      .map(({ name }) => join(folder, name));
  } catch (error) {
    // It was removed meanwhile; the process that removed it has written to one of the logs.
    if (isMissing(error)) return [];
    throw error;
  }
}

/**
 * The folders in which Dovecot keeps the indexes of a user: where userdb says (`mail` of 2.3, `mail_index_path` and
 * `mail_path` of 2.4), else what looks like it in the user's home. Empty: not found.
 * @throws what keeps us from looking: EACCES
 */
export async function indexPlaces(fields: NonNullable<UserFields>): Promise<readonly string[]> {
  const home = fields.get('home') ?? '';
  const named = namedPlace(fields, home);
  if (named !== undefined) return (await isIndexFolder(named)) ? [named] : [];
  if (!isAbsolute(home)) return [];
  const entries = await readdir(home, { withFileTypes: true }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  // Mail may lie in the home itself; then its subfolders are mailboxes.
  if (await isIndexFolder(home)) return [home];
  const places: string[] = [];
  for (const entry of entries) {
    const folder = join(home, entry.name);
    if (entry.isDirectory() && (await isIndexFolder(folder))) places.push(folder);
  }
  return places;
}

/** What userdb names, where it can be understood without the rest of Dovecot's configuration. */
function namedPlace(fields: NonNullable<UserFields>, home: string): string | undefined {
  const [, ...parts] = (fields.get('mail') ?? '').split(':');
  const index = parts.find((part) => part.startsWith('INDEX='))?.slice('INDEX='.length);
  const place = fields.get('mail_index_path') ?? fields.get('mail_path') ?? index ?? parts[0];
  if (place === undefined || place === '') return undefined;
  const path = place.replace(/^(?:~|%h|%\{home\})(?=\/|$)/, home);
  return isAbsolute(path) && !path.includes('%') ? path : undefined;
}
