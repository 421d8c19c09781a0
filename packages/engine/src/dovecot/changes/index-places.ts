import { readdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { UserFields } from '../auth-client.ts';
import { isIndexFolder } from './index-folder.ts';

/**
 * The folders in which Dovecot keeps the indexes of a user: where userdb says (`mail` of 2.3, `mail_index_path` and
 * `mail_path` of 2.4), else what looks like it in the user's home. Empty: not found.
 * @throws what keeps us from looking: EACCES
 */
export async function indexPlaces(fields: NonNullable<UserFields>): Promise<readonly string[]> {
  const home = fields.get('home') ?? '';
  const named = namedPlace(fields, home);
  if (named !== undefined) return (await isIndexFolder(named)) ? [named] : [];
  if (!isAbsolute(home)) return [];
  const entries = await readdir(home, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  // Mail may lie in the home itself; then its subfolders are mailboxes.
  if (await isIndexFolder(home)) return [home];
  const places: string[] = [];
  for (const entry of entries) {
    const folder = join(home, entry.name);
    if (entry.isDirectory() && (await isIndexFolder(folder))) places.push(folder);
  }
  return places;
}

/** What userdb names, where it can be understood without the rest of Dovecot's configuration. */
function namedPlace(fields: NonNullable<UserFields>, home: string): string | undefined {
  const [, ...parts] = (fields.get('mail') ?? '').split(':');
  const index = parts.find((part) => part.startsWith('INDEX='))?.slice('INDEX='.length);
  const place = fields.get('mail_index_path') ?? fields.get('mail_path') ?? index ?? parts[0];
  if (place === undefined || place === '') return undefined;
  const path = place.replace(/^(?:~|%h|%\{home\})(?=\/|$)/, home);
  return isAbsolute(path) && !path.includes('%') ? path : undefined;
}
