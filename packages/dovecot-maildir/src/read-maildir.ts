/** Reads a Maildir of Dovecot's: its folders, their mails, and one mail file into the store. */

import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { DsyncdError, isMailGuid, type MailGuid } from '@dsyncd/core';
import type { StagedBody, UserMail } from '@dsyncd/mailstore';
import { parseKeywords, parseUidList, type UidList } from './dovecot-files.ts';
import type { MailState } from './export-record.ts';
import { parseMailFileName } from './mail-file-name.ts';

export interface MaildirFolder {
  /** Without the leading dot; empty for INBOX. */
  readonly name: string;
  readonly dir: string;
  /** Missing: Dovecot's list of UIDs is not there or not readable. */
  readonly uidList: UidList | undefined;
}

export interface FolderMail {
  readonly base: string;
  readonly uid: number | undefined;
  readonly guid: MailGuid;
  readonly state: MailState;
  /** False when a keyword's letter has no name: then nothing is known of its keywords. */
  readonly knowsKeywords: boolean;
  /** File name with its folder: `cur/…`. */
  readonly file: string;
}

/** Every folder that has mails, INBOX (the Maildir itself) first. */
export async function scanFolders(maildir: string): Promise<readonly MaildirFolder[]> {
  const names = (await readdir(maildir)).filter((name) => /^\.[^.]/.test(name)).sort();
  const folders = [await scanFolder('', maildir)];
  for (const name of names) {
    const dir = `${maildir}/${name}`;
    if (await isFolder(`${dir}/cur`)) folders.push(await scanFolder(name.slice(1), dir));
  }
  return folders;
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false;
      throw error;
    },
  );

async function scanFolder(name: string, dir: string): Promise<MaildirFolder> {
  return { name, dir, uidList: parseUidList(await readIfThere(`${dir}/dovecot-uidlist`)) };
}

/** An empty text when there is no such file. */
export async function readIfThere(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  });
}

/** By base name. `new` before `cur`: a mail that moves meanwhile goes that way, so it is seen. */
export async function scanMails(folder: MaildirFolder): Promise<ReadonlyMap<string, FolderMail>> {
  const keywordNames = parseKeywords(await readIfThere(`${folder.dir}/dovecot-keywords`));
  const mails = new Map<string, FolderMail>();
  for (const place of ['new', 'cur'])
    for (const name of await readdir(`${folder.dir}/${place}`)) {
      if (name.startsWith('.')) continue;
      const { base, flags, keywordIndexes } = parseMailFileName(name);
      const listed = folder.uidList?.entries.get(base);
      const guid = listed?.guid ?? base;
      // A name that is not UTF-8 cannot be opened by what readdir says of it.
      if (base.includes('\ufffd') || !isMailGuid(guid)) throw oddNameError(folder, name);
      const keywords = keywordIndexes.flatMap((index) => keywordNames.get(index) ?? []);
      mails.set(base, {
        base,
        uid: listed?.uid,
        guid,
        state: { flags, keywords: [...new Set(keywords)].sort() },
        knowsKeywords: keywords.length === keywordIndexes.length,
        file: `${place}/${name}`,
      });
    }
  return mails;
}

const oddNameError = (folder: MaildirFolder, name: string): DsyncdError =>
  new DsyncdError(
    'DSYNCD_DOVECOT_FILE_NAME',
    `${folder.dir} has a mail with an unreadable name: ${JSON.stringify(name)}`,
    {
      outcome: 'operator',
      hint: 'rename the file, then import again',
    },
  );

const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

/** Takes a mail of Dovecot's into the store; undefined when it is compressed in a way that cannot be undone here. */
export async function stageFile(
  mail: UserMail,
  file: string,
): Promise<{ readonly body: StagedBody; readonly receivedAt: number } | undefined> {
  try {
    const receivedAt = Math.floor((await stat(file)).mtimeMs / 1000);
    const compression = await compressionOf(file);
    if (compression === 'other') return undefined;
    const bytes = createReadStream(file);
    if (compression === 'none') return { body: await mail.stageBody(bytes), receivedAt };
    const unpacked = createGunzip();
    bytes.on('error', (error) => unpacked.destroy(error)).pipe(unpacked);
    return { body: await mail.stageBody(unpacked), receivedAt };
  } catch (error) {
    throw hasCode(error, 'ENOENT') ? changedError(file, error) : error;
  }
}

/** Dovecot renamed or moved a mail during the import. */
export const changedError = (file: string, cause?: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_DOVECOT_CHANGED', `${file} changed during the import`, {
    outcome: 'transient',
    hint: 'stop Dovecot for this user, or import again',
    cause,
  });

/** How Dovecot's zlib plugin compressed the file, judged by its first bytes; no mail begins with these. */
async function compressionOf(path: string): Promise<'none' | 'gzip' | 'other'> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(12), 0, 12, 0);
    const start = buffer.toString('latin1', 0, bytesRead);
    if (start.startsWith('\u001f\u008b')) return 'gzip';
    const isPacked = /^(\u0028\u00b5\u002f\u00fd|\u00fd7zXZ|BZh[1-9]1AY|Dovecot-LZ4)/.test(start);
    return isPacked ? 'other' : 'none';
  } finally {
    await file.close();
  }
}
