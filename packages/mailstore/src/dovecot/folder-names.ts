/** Which Maildir++ folder each mailbox gets. Pure. */

import { createHash } from 'node:crypto';
import type { MailboxPath } from '@dsyncd/core';
import { isInbox } from '../tree/paths.ts';
import { decodeFolder, encodeFolder } from './small-files.ts';

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
