import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isTable, type KeyProblem } from './check.ts';

/** Where systemd keeps what `LoadCredential=` and `SetCredential=` give to a unit: the folder for a credential. */
export type CredentialFolder = (name: string) => string;

/** What a `..._file` setting begins with when it names a credential instead of a path. */
const prefix = 'credential:';

const namePattern = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,255}$/;

/** Our units; the first one that has the credential counts. */
const units = ['dsyncd.service', 'dsync-server.service', 'dsync-lmtp.service'];

/**
 * A program of a unit has its folder in `$CREDENTIALS_DIRECTORY`. One that a person starts, such as dsyncadm, finds those of
 * the running units, if it may read them.
 */
export const credentialFolder =
  (
    env: Readonly<Record<string, string | undefined>>,
    unitsFolder: string = '/run/credentials',
  ): CredentialFolder =>
  (name) => {
    if (env.CREDENTIALS_DIRECTORY) return env.CREDENTIALS_DIRECTORY;
    const folders = units.map((unit) => join(unitsFolder, unit));
    return folders.find((folder) => existsSync(join(folder, name))) ?? join(unitsFolder, 'dsyncd.service');
  };

/** The table with the path of each `credential:NAME` that a setting `..._file` has; notes bad names. */
export function withCredentials(
  table: Readonly<Record<string, unknown>>,
  folderOf: CredentialFolder,
  problems: KeyProblem[],
  path: readonly string[] = [],
): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(table)) {
    const place = [...path, key];
    if (isTable(value)) result[key] = withCredentials(value, folderOf, problems, place);
    else if (typeof value === 'string' && key.endsWith('_file') && value.startsWith(prefix)) {
      const name = value.slice(prefix.length);
      if (!namePattern.test(name))
        problems.push({
          path: place,
          message: `is ${JSON.stringify(value)}, expected "${prefix}NAME" with A-Z, a-z, 0-9, ".", "_" and "-"`,
        });
      result[key] = namePattern.test(name) ? join(folderOf(name), name) : value;
    } else result[key] = value;
  }
  return result;
}
