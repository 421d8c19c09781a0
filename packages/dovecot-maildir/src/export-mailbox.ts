import { createWriteStream, ReadStream } from 'node:fs';
import { appendFile, link, lstat, mkdir, readlink, utimes, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DsyncdError, keywordKey, keywordsByKey, keywordsWithout, type MailboxPath } from '@dsyncd/core';
import type { MailboxMail, MailRecord } from '@dsyncd/mailstore';
import { mailsOf } from './all-mails.ts';
import { formatKeywords, uidListHeader, uidListLine } from './dovecot-files.ts';
import { type ExportedMailbox, type MailState, uidRanges } from './export-record.ts';
import { exportedBase, keywordLettersMax, mailFileName } from './mail-file-name.ts';

export interface MailboxExport {
  readonly record: ExportedMailbox;
  readonly linked: number;
  readonly copied: number;
  readonly problems: readonly string[];
}

const placedAtOnce = 16;

/** Makes one folder of the Maildir with its mails. */
export async function exportMailbox(
  mailbox: MailboxMail,
  to: { readonly maildir: string; readonly folder: string; readonly path: MailboxPath },
): Promise<MailboxExport> {
  const status = await mailbox.status();
  const folder = to.folder === '' ? to.maildir : `${to.maildir}/.${to.folder}`;
  for (const name of ['cur', 'new', 'tmp'])
    await mkdir(`${folder}/${name}`, { recursive: true, mode: 0o700 });
  if (to.folder !== '') await writeFile(`${folder}/maildirfolder`, '', { mode: 0o600 });
  const keywords = await chooseKeywords(mailbox, status.uidNext);
  if (keywords.kept.length > 0)
    await writeFile(`${folder}/dovecot-keywords`, formatKeywords(keywords.kept), { mode: 0o600 });
  await writeFile(`${folder}/dovecot-uidlist`, uidListHeader(status), { mode: 0o600 });

  const counts = { linked: 0, copied: 0 };
  const lost: number[] = [];
  const differing: [number, MailState][] = [];
  let batch: MailRecord[] = [];
  const placeBatch = async (): Promise<void> => {
    const placed = await Promise.all(
      batch.map((mail) => placeMail(mailbox, mail, { folder, keywords: keywords.kept })),
    );
    let lines = '';
    for (const [index, mail] of batch.entries()) {
      const result = placed[index];
      if (result === 'linked' || result === 'copied') {
        counts[result]++;
        lines += uidListLine(mail, exportedBase(mail, mailbox.guid));
        const kept = keywordsWithout(mail.keywords, keywords.leftOut);
        if (kept.length < mail.keywords.length)
          differing.push([mail.uid, { flags: mail.flags, keywords: kept }]);
      } else if (result === 'lost') lost.push(mail.uid);
    }
    await appendFile(`${folder}/dovecot-uidlist`, lines);
    batch = [];
  };
  for await (const mail of mailsOf(mailbox, status.uidNext)) {
    batch.push(mail);
    if (batch.length === placedAtOnce) await placeBatch();
  }
  await placeBatch();

  const name = to.path.join('/');
  return {
    ...counts,
    record: {
      folder: to.folder,
      path: to.path,
      guid: status.guid,
      dovecotGuid: status.guid,
      uidNext: status.uidNext,
      highestModSeq: status.highestModSeq,
      notThere: uidRanges(lost),
      aliases: {},
      differing: Object.fromEntries(differing),
    },
    problems: [
      ...lost.map((uid) => `mailbox "${name}": the body of UID ${uid} is lost, the mail is left out`),
      ...keywords.leftOut.map((word) => `mailbox "${name}": no letter is left for the keyword "${word}"`),
    ],
  };
}

/** A Maildir has letters for 26 keywords; the most used ones get them. */
async function chooseKeywords(
  mailbox: MailboxMail,
  uidEnd: number,
): Promise<{ readonly kept: readonly string[]; readonly leftOut: readonly string[] }> {
  const uses = new Map<string, number>();
  const spellings = new Map<string, string>();
  for await (const mail of mailsOf(mailbox, uidEnd))
    for (const [key, keyword] of keywordsByKey(mail.keywords)) {
      const spelling = spellings.get(key) ?? keyword;
      spellings.set(key, spelling);
      uses.set(spelling, (uses.get(spelling) ?? 0) + 1);
    }
  const byUse = [...uses].sort(([a, usesOfA], [b, usesOfB]) => usesOfB - usesOfA || (a < b ? -1 : 1));
  const keywords = byUse.map(([keyword]) => keyword);
  return { kept: keywords.slice(0, keywordLettersMax), leftOut: keywords.slice(keywordLettersMax) };
}

/** `lost`: the body is not there; `gone`: expunged meanwhile. */
async function placeMail(
  mailbox: MailboxMail,
  mail: MailRecord,
  to: { readonly folder: string; readonly keywords: readonly string[] },
): Promise<'linked' | 'copied' | 'lost' | 'gone'> {
  const keys = keywordsByKey(mail.keywords);
  const keywordIndexes = to.keywords.flatMap((word, index) => (keys.has(keywordKey(word)) ? [index] : []));
  const name = mailFileName(exportedBase(mail, mailbox.guid), { flags: mail.flags, keywordIndexes });
  try {
    return await placeBody(await mailbox.body(mail.uid), `${to.folder}/cur/${name}`, mail.receivedAt);
  } catch (error) {
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_BODY_LOST') return 'lost';
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_NO_MAIL') return 'gone';
    throw error;
  }
}

type PlacedBody = 'linked' | 'copied';

/** Puts a body at `path`, as a hard link where its stream reads a file of the same file system; its mtime becomes `receivedAt`. */
export async function placeBody(body: Readable, path: string, receivedAt: number): Promise<PlacedBody> {
  const file = await sourceFile(body);
  if (file !== undefined && (await linkBody(file, path, receivedAt))) {
    body.destroy();
    return 'linked';
  }
  await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  await utimes(path, receivedAt, receivedAt);
  return 'copied';
}

async function sourceFile(body: Readable): Promise<string | undefined> {
  if (!(body instanceof ReadStream)) return undefined;
  if (typeof body.path === 'string' && body.path !== '') return body.path;
  if (!('fd' in body) || typeof body.fd !== 'number') return undefined;
  const { fd } = body;
  return readlink(`/proc/self/fd/${fd}`).catch(() => undefined);
}

/** Dovecot takes the received date from the file, so a file that other mails share is only linked when it fits. */
async function linkBody(file: string, path: string, receivedAt: number): Promise<boolean> {
  try {
    const source = await lstat(file);
    if (!source.isFile()) return false;
    const fits = Math.floor(source.mtimeMs / 1000) === receivedAt;
    if (!fits && source.nlink > 1) return false;
    await link(file, path);
    if (!fits) await utimes(path, receivedAt, receivedAt);
    return true;
  } catch (error) {
    if (isNoLink(error)) return false;
    throw error;
  }
}

/** Another file system, one without links, too many links, or a file that just went. */
const isNoLink = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['EXDEV', 'EPERM', 'EMLINK', 'ENOENT', 'EOPNOTSUPP', 'EACCES'].includes(String(error.code));
