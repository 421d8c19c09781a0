import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isUserName, type UserName } from '@dsyncd/core';
import { homeParts, mailHomeOf } from './mail-home.ts';

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
    if (typeof part === 'string') source += part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
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

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
