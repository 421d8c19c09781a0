import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { settingOf } from '@dsyncd/config';
import type { Doveconf } from './doveconf.ts';
import { groupIds } from './file-access.ts';

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
  return {
    uid: await userId(uid ?? settingOf(tree, 'mail_uid')),
    gid: (await groupIds(listOf(gid ?? settingOf(tree, 'mail_gid'))))[0],
    home: home ?? folderOfHomes(settingOf(tree, 'mail_home')),
  };
}

const listOf = (name: string | undefined): readonly string[] =>
  name === undefined || name === '' ? [] : [name];

/** `mail_home` up to its first variable. */
const folderOfHomes = (mailHome: string | undefined): string | undefined =>
  mailHome?.startsWith('/') === true ? dirname(`${mailHome.split('%')[0]}x`) : undefined;

/** Number of a user by name; a number is one already. */
async function userId(name: string | undefined): Promise<number | undefined> {
  if (name === undefined || name === '') return undefined;
  if (/^\d+$/.test(name)) return Number(name);
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  const uid = lines.map((line) => line.split(':')).find((fields) => fields[0] === name)?.[2];
  return uid === undefined ? undefined : Number(uid);
}
