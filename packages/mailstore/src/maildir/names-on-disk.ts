/**
 * Names on disk: folders of mailboxes and files of bodies. Pure. Whatever a name holds, what comes
 * out is one path component that a file system takes, and different names never become the same.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { MailboxPath } from '@dsyncd/core';

/** Longest component that common file systems take. */
export const componentBytesMax = 255;
/** A longer folder name is cut and ends in a hash; leaves room for the suffix of a taken name. */
const folderBytesMax = 200;
const folderKeptBytes = 120;
const guidBytesMax = 180;

/** Starts what escaping never writes, so a name with it cannot meet one without. */
const mark = '%~';

/** `['Work', '2026']` becomes `.Work.2026`; INBOX is the Maildir itself, an empty name. */
export function folderName(path: MailboxPath): string {
  if (path.length === 1 && path[0] === 'INBOX') return '';
  return ownFolderName(path);
}

/** The name for `path` when {@link folderName} is taken already; `guid` makes it the mailbox's own. */
export const spareFolderName = (path: MailboxPath, guid: string): string =>
  `${ownFolderName(path)}${mark}${guid}`;

function ownFolderName(path: MailboxPath): string {
  const name = path.map((part) => `.${escapeFolderPart(part)}`).join('');
  if (Buffer.byteLength(name) <= folderBytesMax) return name;
  return `${cutAt(name, folderKeptBytes)}${mark}${sha256(path.join('/')).slice(0, 32)}`;
}

const escapeFolderPart = (part: string): string =>
  part.replace(/[.%/~\u0000-\u001f\u007f]|\p{Surrogate}/gu, (symbol) => hexEscape(symbol));

/** Dovecot's and our GUIDs stay readable; anything unusual is escaped byte by byte. */
const escapeGuid = (guid: string): string =>
  guid.replace(/[^A-Za-z0-9_=+,-]/gu, (symbol) =>
    /\p{Surrogate}/u.test(symbol)
      ? hexEscape(symbol)
      : [...Buffer.from(symbol)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );

/** `%2e` for a character below 256, `%ud800` for half a surrogate pair, which UTF-8 cannot hold. */
const hexEscape = (symbol: string): string => {
  const code = symbol.charCodeAt(0);
  return code < 256 ? `%${code.toString(16).padStart(2, '0')}` : `%u${code.toString(16).padStart(4, '0')}`;
};

/** What a body's file name says; enough to rebuild an index from the files. */
export interface BodyName {
  /** Unix seconds. */
  readonly receivedAt: number;
  readonly guid: string;
  readonly uid: number;
  readonly size: number;
}

export function bodyFileName(body: BodyName): string {
  return `${body.receivedAt}.${guidInFileName(body.guid)}.U${body.uid},S=${body.size}`;
}

function guidInFileName(guid: string): string {
  const escaped = escapeGuid(guid);
  return escaped.length <= guidBytesMax ? escaped : `~${sha256(guid)}`;
}

/** The file that keeps a GUID too long for a file name, or undefined when it is in the name itself. */
export function longGuidFile(guid: string): string | undefined {
  const name = guidInFileName(guid);
  return name.startsWith('~') ? name.slice(1) : undefined;
}

/** What {@link bodyFileName} wrote, or undefined for a file that is not ours. `guid` is a hash where `isHash`. */
export function parseBodyFileName(name: string): (BodyName & { readonly isHash: boolean }) | undefined {
  const match = /^(-?\d{1,16})\.([^./]+)\.U(\d{1,10}),S=(\d{1,16})$/.exec(name);
  const [, receivedAt, guid, uid, size] = match ?? [];
  if (receivedAt === undefined || guid === undefined || uid === undefined || size === undefined)
    return undefined;
  const numbers = { receivedAt: Number(receivedAt), uid: Number(uid), size: Number(size) };
  if (guid.startsWith('~')) return { ...numbers, guid: guid.slice(1), isHash: true };
  const plain = unescapeGuid(guid);
  return plain === undefined ? undefined : { ...numbers, guid: plain, isHash: false };
}

function unescapeGuid(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return text
      .split(/(%u[0-9a-f]{4})/)
      .map((piece) =>
        piece.startsWith('%u')
          ? String.fromCharCode(Number.parseInt(piece.slice(2), 16))
          : decodeURIComponent(piece),
      )
      .join('');
  } catch {
    // Not an escape that we wrote.
    return undefined;
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf16le').digest('hex');

/** The longest start of `text` with at most `bytesMax` bytes that cuts no character. */
function cutAt(text: string, bytesMax: number): string {
  let kept = '';
  let bytes = 0;
  for (const symbol of text) {
    bytes += Buffer.byteLength(symbol);
    if (bytes > bytesMax) break;
    kept += symbol;
  }
  // Half an escape at the end would read as another one.
  return kept.replace(/%[0-9a-fu]{0,4}$/, '');
}

// Where things are below a user's home.

export const indexFile = (home: string): string => join(home, 'dsyncd-index.sqlite');
export const lockFile = (home: string): string => join(home, 'dsyncd.lock');
export const maildir = (home: string): string => join(home, 'Maildir');
export const tmpFolder = (home: string): string => join(home, 'Maildir', 'tmp');
/** `folder` as the index keeps it: empty for the Maildir itself. */
export const bodyFolder = (home: string, folder: string): string => join(home, 'Maildir', folder, 'cur');
/** Says which mailbox a folder belongs to, for a rebuild of the index. */
export const mailboxNote = (home: string, folder: string): string =>
  join(home, 'Maildir', folder, mailboxNoteName);
export const mailboxNoteName = 'dsyncd-mailbox';
export const longGuidFolder = (home: string): string => join(home, 'Maildir', 'dsyncd-long-guids');
