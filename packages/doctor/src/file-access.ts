import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { folderOfHomes, settingOf } from '@dsyncd/config';
import type { Doveconf } from './doveconf.ts';

/** As whom a process opens files. */
export interface Identity {
  readonly uid: number;
  readonly gids: readonly number[];
}

const bits = { write: 0o2, enter: 0o1 } as const;
export type Access = keyof typeof bits;

/**
 * What keeps a process of that identity from something that exists; undefined: nothing. Links are followed, and the folders on
 * the way count. Access lists beyond the mode are not checked.
 * @throws when `path` does not exist.
 */
export async function accessProblem(
  path: string,
  who: Identity,
  wanted: readonly Access[],
): Promise<string | undefined> {
  const real = await realpath(path);
  for (let folder = dirname(real); ; folder = dirname(folder)) {
    if (!(await allows(folder, who, ['enter']))) return `${folder} may not be entered by ${nameOf(who)}`;
    if (folder === dirname(folder)) break;
  }
  if (await allows(real, who, wanted)) return undefined;
  const { mode, uid, gid } = await stat(real);
  return `${real} (mode ${(mode & 0o777).toString(8).padStart(4, '0')}, owner ${uid}:${gid}) may not be written by ${nameOf(who)}`;
}

const nameOf = ({ uid, gids }: Identity): string => `the mail user (${uid}:${gids.join(',')})`;

async function allows(path: string, { uid, gids }: Identity, wanted: readonly Access[]): Promise<boolean> {
  if (uid === 0) return true;
  const { mode, uid: owner, gid } = await stat(path);
  const shift = uid === owner ? 6 : gids.includes(gid) ? 3 : 0;
  return wanted.every((access) => ((mode >> shift) & bits[access]) !== 0);
}

/** Numbers of groups by name; a number is one already. Unknown names are left out. */
export const groupIds = (names: readonly string[]): Promise<readonly number[]> => idsIn('/etc/group', names);

/** Number of a user by name; a number is one already. Undefined: the name is unknown. */
export const userId = async (name: string): Promise<number | undefined> =>
  (await idsIn('/etc/passwd', [name]))[0];

/** Both files have a line `name:...:number:...` for each. */
async function idsIn(file: string, names: readonly string[]): Promise<readonly number[]> {
  if (names.length === 0) return [];
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  return names.flatMap((name) => {
    if (/^\d+$/.test(name)) return [Number(name)];
    const id = lines.find((fields) => fields[0] === name)?.[2];
    return id === undefined ? [] : [Number(id)];
  });
}

/** As whom and where mail processes open the mail of a user; undefined: neither userdb nor a setting says. */
export interface MailOwner {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** The user's home, or the folder that holds all homes. */
  readonly home: string | undefined;
}

/**
 * What userdb leaves out, Dovecot takes from `mail_uid`, `mail_gid` and `mail_home`.
 * @param fields - of userdb
 * @param doveconf - asked only when something is left out
 */
export async function mailOwnerOf(
  fields: ReadonlyMap<string, string>,
  doveconf: () => Promise<Doveconf>,
): Promise<MailOwner> {
  const [uid, gid, home] = ['uid', 'gid', 'home'].map((name) => fields.get(name));
  if (uid !== undefined && gid !== undefined && home !== undefined)
    return { uid: Number(uid), gid: Number(gid), home };
  const { tree } = await doveconf();
  const mailHome = settingOf(tree, 'mail_home');
  return {
    uid: await userId(uid ?? settingOf(tree, 'mail_uid') ?? ''),
    gid: (await groupIds([gid ?? settingOf(tree, 'mail_gid') ?? '']))[0],
    home: home ?? (mailHome?.startsWith('/') === true ? folderOfHomes(mailHome) : undefined),
  };
}
