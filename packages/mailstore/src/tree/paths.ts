import { checkMailboxPath, type MailboxPath, normalizeMailboxPath } from '@dsyncd/core';

/** A path as one text: paths are equal when their keys are. No part holds a "/". */
export const pathKey = (path: MailboxPath): string => path.join('/');

/** @throws {DsyncdError} `DSYNCD_MAILBOX_NAME` */
export function checkedPath(path: MailboxPath): MailboxPath {
  checkMailboxPath(path);
  return normalizeMailboxPath(path);
}

export const isInbox = (path: MailboxPath): boolean => path.length === 1 && path[0] === 'INBOX';

/** Whether `path` is below `parent`, at any depth. */
export const isBelow = (path: MailboxPath, parent: MailboxPath): boolean =>
  path.length > parent.length && parent.every((part, index) => path[index] === part);

/** Every parent, outermost first. */
export const parentsOf = (path: MailboxPath): readonly MailboxPath[] =>
  path.slice(1).map((_, index) => path.slice(0, index + 1));

/** Order of {@link MailboxTree.nodes}: part by part by UTF-16 code units, a parent before its children. */
export function comparePaths(a: MailboxPath, b: MailboxPath): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const left = a[index] ?? '';
    const right = b[index] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.length - b.length;
}
