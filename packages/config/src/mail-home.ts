import { opendir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DsyncdError, isUserName, quote, systemCode, type UserName } from '@dsyncd/core';

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

/** A level of the pattern: a fixed name, or what matches it and which variables it gives. */
type Level = string | { readonly pattern: RegExp; readonly names: readonly string[] };

/** Every user that has a folder where `mail_home` puts it, in no special order. Missing folders mean no users. */
export async function* listUsers(pattern: string): AsyncGenerator<UserName> {
  for await (const { path, values } of walk('/', pattern.split('/').filter(Boolean).map(levelOf), {})) {
    const text =
      values.user ?? (values.domain === undefined ? values.username : `${values.username}@${values.domain}`);
    // A hidden folder is the system's, unless it is named as a user is.
    if (text === undefined || !isUserName(text) || (text.startsWith('.') && !text.includes('@'))) continue;
    if (hasHome(pattern, text, path)) yield text;
  }
}

/** Only the folder that the user's mail would go to counts; others are left alone. */
function hasHome(pattern: string, user: UserName, path: string): boolean {
  try {
    return join(mailHomeOf(pattern, user)) === join(path);
  } catch {
    return false;
  }
}

function levelOf(text: string): Level {
  const names: string[] = [];
  let source = '';
  for (const part of homeParts(text)) {
    if (typeof part === 'string') source += RegExp.escape(part);
    else {
      names.push(part.variable);
      source += '([^/]+)';
    }
  }
  return names.length === 0 ? homeParts(text).join('') : { pattern: new RegExp(`^${source}$`, 'u'), names };
}

interface Found {
  readonly path: string;
  readonly values: Readonly<Record<string, string | undefined>>;
}

async function* walk(path: string, levels: readonly Level[], values: Found['values']): AsyncGenerator<Found> {
  const [level, ...rest] = levels;
  if (level === undefined) {
    if (await isFolder(path)) yield { path, values };
  } else if (typeof level === 'string') {
    yield* walk(join(path, level), rest, values);
  } else {
    for await (const name of names(path)) {
      const match = level.pattern.exec(name);
      if (match === null) continue;
      const found = Object.fromEntries(level.names.map((key, index) => [key, match[index + 1]]));
      yield* walk(join(path, name), rest, { ...values, ...found });
    }
  }
}

async function* names(path: string): AsyncGenerator<string> {
  let folder: Awaited<ReturnType<typeof opendir>>;
  try {
    folder = await opendir(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  for await (const entry of folder) yield entry.name;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(error));
