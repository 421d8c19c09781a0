import { opendir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail, isUserName, type UserName } from '@dsyncd/core';
import { isMissing } from './disk-errors.ts';
import { indexFile } from './names-on-disk.ts';

const variable = '%{user}';

/**
 * Users with a home by a pattern as `mail_home` has it: `/srv/mail/%{user}`. The variable stands in
 * one component, which may have more text around it; components may follow.
 */
export async function* listUsers(pattern: string): AsyncGenerator<UserName> {
  const { root, prefix, suffix, below } = splitPattern(pattern);
  for await (const { name } of await openFolder(root)) {
    if (!name.startsWith(prefix) || !name.endsWith(suffix)) continue;
    const user = name.slice(prefix.length, name.length - suffix.length);
    // A hidden folder is the system's, unless it is named as a user is.
    if (user.startsWith('.') && !user.includes('@')) continue;
    if (isUserName(user) && (await isFolder(join(root, name, below)))) yield user;
  }
}

function splitPattern(pattern: string) {
  const at = pattern.indexOf(variable);
  if (at < 0 || pattern.indexOf(variable, at + 1) >= 0) fail(`${pattern} must have ${variable} exactly once`);
  const end = pattern.indexOf('/', at);
  const head = end < 0 ? pattern : pattern.slice(0, end);
  const [prefix = '', suffix = ''] = basename(head).split(variable);
  return { root: dirname(head), prefix, suffix, below: end < 0 ? '' : pattern.slice(end + 1) };
}

async function openFolder(path: string): Promise<AsyncIterable<{ readonly name: string }>> {
  try {
    return await opendir(path);
  } catch (error) {
    // No home was made yet.
    if (!isMissing(error)) throw error;
    return (async function* () {})();
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * About how much mail a user has, by the size of the index: some 200 bytes a mail; 0 where there is none. Opens nothing.
 */
export const mailIndexBytes = (home: string): Promise<number> =>
  stat(indexFile(home)).then(
    ({ size }) => size,
    () => 0,
  );

/** When a user's index was last written, in Unix milliseconds; undefined where there is none. Opens nothing. */
export async function mailChangedAt(home: string): Promise<number | undefined> {
  const file = indexFile(home);
  const times = await Promise.all(
    [file, `${file}-wal`].map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      ),
    ),
  );
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
