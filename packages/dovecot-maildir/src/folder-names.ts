/** Which Maildir++ folder each mailbox gets, and how its name is written on disk. Pure. */

import { createHash } from 'node:crypto';
import { type MailboxPath, mailboxPathProblem, normalizeMailboxPath } from '@dsyncd/core';
import { isInbox } from '@dsyncd/mailstore';

/** A component of a file name has at most 255 bytes, one of which is the leading dot. */
const folderBytesMax = 254;

/**
 * The folder names for `paths`, without the leading dot; INBOX is the Maildir itself, an empty name.
 *
 * Maildir++ separates levels by ".", so a dot inside a name becomes "_", as does a leading "~" that
 * Dovecot refuses. A name that meets another's by that, or is too long, ends in a hash of the real name.
 */
export function folderNames(paths: readonly MailboxPath[]): ReadonlyMap<MailboxPath, string> {
  const names = new Map<MailboxPath, string>();
  const taken = new Set<string>();
  const plain = (path: MailboxPath): boolean => encodeFolder(path) === encodeFolder(fitted(path));
  // Names that fit as they are come first, so that no substitute takes theirs.
  for (const path of [...paths].sort((a, b) => Number(plain(b)) - Number(plain(a)))) {
    const name = isInbox(path) ? '' : freeName(path, taken);
    taken.add(name);
    names.set(path, name);
  }
  return names;
}

const fitted = (path: MailboxPath): MailboxPath =>
  path.map((part, level) => (level === 0 ? part.replace(/^~/, '_') : part).replaceAll('.', '_'));

function freeName(path: MailboxPath, taken: ReadonlySet<string>): string {
  const fit = fitted(path);
  const name = encodeFolder(fit);
  if (!taken.has(name) && name.length <= folderBytesMax) return name;
  const mark = `-${createHash('sha256').update(path.join('/')).digest('hex').slice(0, 12)}`;
  const parents = fit.slice(0, -1);
  const last = [...(fit.at(-1) ?? '')];
  for (;;) {
    const candidate = encodeFolder([...parents, `${last.join('')}${mark}`]);
    if (candidate.length <= folderBytesMax) return candidate;
    // First the name itself is shortened, then whole parents go.
    if (last.length > 8) last.length = Math.floor(last.length / 2);
    else parents.pop();
  }
}

/** The store's path of a folder's name; undefined for one that no mailbox can have. */
export type PathOf = (folder: string) => MailboxPath | undefined;

/** Undoes {@link folderNames} for the mailboxes in `known` and what is below them. */
export function pathsOfFolders(
  known: readonly { readonly folder: string; readonly path: MailboxPath }[],
): PathOf {
  const substitutes = new Map(
    known
      .filter(({ folder, path }) => encodeFolder(path) !== folder)
      .map(({ folder, path }) => [folder, path]),
  );
  return (folder) => {
    const parts = folder.split('.');
    for (let length = parts.length; length > 0; length--) {
      const parent = substitutes.get(parts.slice(0, length).join('.'));
      if (parent === undefined) continue;
      const below = length === parts.length ? [] : decodeFolder(parts.slice(length).join('.'));
      return below && [...parent, ...below];
    }
    const path = decodeFolder(folder);
    return path === undefined || isInbox(path) ? undefined : path;
  };
}

/** Modified UTF-7 (RFC 3501 section 5.1.3), as Maildir folders are named on disk: `Über & mehr` becomes `&ANw-ber &- mehr`. */
export function encodeModifiedUtf7(text: string): string {
  return text.replace(/&|[^\u0020-\u007e]+/g, (run) => {
    if (run === '&') return '&-';
    const bytes = Buffer.from(run, 'utf16le').swap16();
    return `&${bytes.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/** Undefined when `text` is not what {@link encodeModifiedUtf7} makes of any text. */
export function decodeModifiedUtf7(text: string): string | undefined {
  const decoded = text.replace(/&([^-]*)-/g, (_, run: string) => {
    if (run === '') return '&';
    const bytes = Buffer.from(run.replaceAll(',', '/'), 'base64');
    return bytes.length % 2 === 0 ? bytes.swap16().toString('utf16le') : '\ufffd';
  });
  return encodeModifiedUtf7(decoded) === text ? decoded : undefined;
}

/** The folder name of a path whose levels have no "."; `Work.2026`. */
export const encodeFolder = (path: MailboxPath): string => path.map(encodeModifiedUtf7).join('.');

/** Undefined when no mailbox can have that name. */
function decodeFolder(folder: string): MailboxPath | undefined {
  const path: string[] = [];
  for (const part of folder.split('.')) {
    const decoded = decodeModifiedUtf7(part);
    if (decoded === undefined) return undefined;
    path.push(decoded);
  }
  return mailboxPathProblem(path) === undefined ? normalizeMailboxPath(path) : undefined;
}
