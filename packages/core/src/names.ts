import { DsyncdError } from './error.ts';
import type { UserName } from './ids.ts';
import { limits } from './limits.ts';

/** Control characters, half a character, and U+FFFD, which stands where a decoder met bytes that are not UTF-8. */
const forbiddenText = /[\u0000-\u001f\u007f\ufffd]|\p{Surrogate}/u;

/**
 * Checks a user name from outside: from a notification line, the command line or a peer.
 *
 * Whatever a Dovecot can have as a user is one: a leading dash or dot, and a "/" between other characters, too. So a name
 * is neither a file name nor the first thing in an argument that begins with an option; code that makes paths checks them.
 *
 * @throws {DsyncdError} `DSYNCD_USER_NAME` that says what is wrong with which name.
 */
export function parseUserName(text: string): UserName {
  const problem = userNameProblem(text);
  if (problem === undefined) return text as UserName;
  throw new DsyncdError('DSYNCD_USER_NAME', `user name ${quote(text)} ${problem}`, {
    outcome: 'operator',
    hint: 'user names have 1 to 255 bytes of UTF-8 without control characters, and no part between "/" that is empty, "." or ".."',
  });
}

export const isUserName = (text: string): text is UserName => userNameProblem(text) === undefined;

export function userNameProblem(text: string): string | undefined {
  if (text.length === 0) return 'is empty';
  if (text.length > limits.userNameBytesMax || Buffer.byteLength(text) > limits.userNameBytesMax)
    return `is longer than ${limits.userNameBytesMax} bytes`;
  if (forbiddenText.test(text)) return 'has a control character or is not UTF-8';
  // No store would keep such a one apart from another user, or inside of its folder.
  if (/(?:^|\/)\.{0,2}(?:\/|$)/.test(text)) return 'has a part between "/" that is empty, "." or ".."';
  return undefined;
}

/** A mailbox's name as its parts, outermost first: `["Work", "2026"]`. */
export type MailboxPath = readonly string[];

/**
 * What is wrong with a mailbox name, or undefined. The store escapes whatever a file system cannot
 * hold, so only names that no mail server can have are refused.
 */
export function mailboxPathProblem(path: MailboxPath): string | undefined {
  if (path.length === 0) return 'is empty';
  if (path.length > limits.mailboxDepthMax) return `has more than ${limits.mailboxDepthMax} levels`;
  let bytes = path.length - 1;
  for (const part of path) {
    if (part.length === 0) return 'has an empty level';
    const partBytes = Buffer.byteLength(part);
    if (partBytes > limits.mailboxNamePartBytesMax)
      return `has a level longer than ${limits.mailboxNamePartBytesMax} bytes`;
    if (forbiddenText.test(part)) return 'has a control character or is not UTF-8';
    if (part.includes('/')) return 'has a "/" inside a level';
    if (part === '.' || part === '..') return `has the level "${part}"`;
    bytes += partBytes;
  }
  if (bytes > limits.mailboxNameBytesMax) return `is longer than ${limits.mailboxNameBytesMax} bytes`;
  return undefined;
}

/** @throws {DsyncdError} `DSYNCD_MAILBOX_NAME` that says what is wrong with which name. */
export function checkMailboxPath(path: MailboxPath): void {
  const problem = mailboxPathProblem(path);
  if (problem === undefined) return;
  throw new DsyncdError('DSYNCD_MAILBOX_NAME', `mailbox name ${quote(path.join('/'))} ${problem}`, {
    outcome: 'operator',
    hint: 'rename the mailbox on the host that has it',
  });
}

/** INBOX in any case is the one INBOX (RFC 9051 section 5.1); only its top level is special. */
export function normalizeMailboxPath(path: MailboxPath): MailboxPath {
  return path[0]?.toUpperCase() === 'INBOX' ? ['INBOX', ...path.slice(1)] : path;
}

/** Text from outside, cut and escaped so that it can stand in a log line or an error. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

/** What helps users of a Dovecot whose names {@link isUserName} refuses. */
export const refusedNamesRemedy =
  'rename them: a name has at most 255 bytes of UTF-8 without control characters, and no part between "/" that is empty, "." or ".."; or leave them out with user_exclude';

/** What helps users with several homes whose names differ by case only. */
export const twinHomesRemedy =
  'save what the unused home has into the used one (`dsyncadm mail save -u USER < FILE` for each mail file), then move it away; or set username_format = "as-is" to have both as two users';

/** How the names of users are spelt, as Dovecot's `auth_username_format` says it there. */
export const usernameFormats = ['lower', 'as-is'] as const;
export type UsernameFormat = (typeof usernameFormats)[number];

/**
 * The one spelling of a user's name. Queue and store know users by it alone, so that `Ann@example.com` is one user
 * with `ann@example.com`, whether an MTA, a person or a peer wrote the name.
 */
export function formatUserName(user: UserName, format: UsernameFormat): UserName {
  if (format === 'as-is') return user;
  const lower = user.toLowerCase();
  // A few letters have more bytes in lower case: a name that would become too long stays as it is.
  return lower === user || !isUserName(lower) ? user : lower;
}

/**
 * Compiles a user mask as `doveadm replicator` takes it: `*` is any text, `?` is one character,
 * anything else is itself.
 */
export function compileMask(mask: string): (text: string) => boolean {
  if (mask === '*') return () => true;
  if (!hasWildcard(mask)) return (text) => text === mask;
  return (text) => matches(mask, text);
}

/** Can it match anything but itself? */
export const hasWildcard = (mask: string): boolean => /[*?]/.test(mask);

/** Greedy match with one remembered star: linear in practice, no backtracking blow-up on hostile masks. */
function matches(mask: string, text: string): boolean {
  let maskIndex = 0;
  let textIndex = 0;
  let starIndex = -1;
  let starTextIndex = 0;
  while (textIndex < text.length) {
    const symbol = mask[maskIndex];
    if (symbol === '*') {
      starIndex = maskIndex++;
      starTextIndex = textIndex;
    } else if (symbol === '?' || (symbol !== undefined && symbol === text[textIndex])) {
      maskIndex++;
      textIndex++;
    } else if (starIndex >= 0) {
      maskIndex = starIndex + 1;
      textIndex = ++starTextIndex;
    } else {
      return false;
    }
  }
  while (mask[maskIndex] === '*') maskIndex++;
  return maskIndex === mask.length;
}
