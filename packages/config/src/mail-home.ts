import { dirname } from 'node:path';
import { DsyncdError, quote, type UserName } from '@dsyncd/core';

/** `mail_home` cut into texts and variables. */
export type HomePart = string | { readonly variable: 'user' | 'username' | 'domain' };

const variables: Readonly<Record<string, 'user' | 'username' | 'domain'>> = {
  '%{user}': 'user',
  '%u': 'user',
  '%{user|username}': 'username',
  '%n': 'username',
  '%{user|domain}': 'domain',
  '%d': 'domain',
};

export function homeParts(pattern: string): HomePart[] {
  return pattern
    .split(/(%\{[^}]*\}|%.)/)
    .filter((part) => part !== '')
    .map((part) => {
      const variable = variables[part];
      return variable === undefined ? (part === '%%' ? '%' : part) : { variable };
    });
}

/** What is wrong with a `mail_home`, or undefined. */
export function mailHomeProblem(pattern: string): string | undefined {
  if (!pattern.startsWith('/')) return `is ${quote(pattern)}: it must be an absolute path`;
  if (pattern.split('/').some((part) => part === '.' || part === '..'))
    return `is ${quote(pattern)}: it must not contain "." or ".."`;
  const unknown = (pattern.match(/%\{[^}]*\}|%.?/g) ?? []).find(
    (text) => text !== '%%' && variables[text] === undefined,
  );
  if (unknown !== undefined)
    return `has the unknown variable ${quote(unknown)}; known: ${Object.keys(variables).join(', ')}`;
  const used = new Set(homeParts(pattern).map((part) => (typeof part === 'string' ? '' : part.variable)));
  if (used.has('user') || used.has('username')) return undefined;
  return `is ${quote(pattern)}: it must contain %{user} or %{user|username}, or users would share one home`;
}

/**
 * The folder of a user's mail.
 * @throws {DsyncdError} `DSYNCD_MAIL_HOME` (nouser) when the pattern has no folder for this user that
 *   is the user's alone: a domain is missing, or would be left out, or a part would leave the tree.
 */
export function mailHomeOf(pattern: string, user: UserName): string {
  const at = user.lastIndexOf('@');
  const values = {
    user,
    username: at < 0 ? user : user.slice(0, at),
    domain: at < 0 ? '' : user.slice(at + 1),
  };
  const parts = homeParts(pattern);
  const used = new Set(parts.map((part) => (typeof part === 'string' ? '' : part.variable)));
  if (at >= 0 && !used.has('user') && !used.has('domain'))
    throw noHome(
      pattern,
      user,
      'the pattern leaves the domain out, so users of two domains would share a home',
    );
  const home = parts.map((part) => (typeof part === 'string' ? part : checked(part.variable))).join('');
  if (home.split('/').some((part) => part === '.' || part === '..'))
    throw noHome(pattern, user, 'it would lead out of its folder');
  return home;

  function checked(name: 'user' | 'username' | 'domain'): string {
    const value = values[name];
    if (value === '') throw noHome(pattern, user, `the ${name} is empty`);
    if (value.includes('/')) throw noHome(pattern, user, 'the name has a "/", which parts folders');
    return value;
  }
}

/** The folder that holds the homes of all users: a `mail_home`, ours or Dovecot's, up to its first variable. */
export const folderOfHomes = (mailHome: string): string => dirname(`${mailHome.split('%')[0]}x`);

export const mailHomesFolder = ({ mailHome }: { readonly mailHome: string }): string =>
  folderOfHomes(mailHome);

/** The folder of a user's indexes by `mail_index_path`; undefined: userdb is to be asked. */
export function indexFolderOf(
  { dovecot: { mailIndexPath } }: { readonly dovecot: { readonly mailIndexPath?: string } },
  user: UserName,
): string | undefined {
  if (mailIndexPath === undefined) return undefined;
  try {
    return mailHomeOf(mailIndexPath, user);
  } catch {
    // No place for such a name there.
    return undefined;
  }
}

const noHome = (pattern: string, user: string, why: string): DsyncdError =>
  new DsyncdError(
    'DSYNCD_MAIL_HOME',
    `mail_home ${pattern} gives no folder for user ${quote(user)}: ${why}`,
    {
      outcome: 'nouser',
      hint: 'use %{user}, or %{user|domain}/%{user|username} with full addresses',
    },
  );
