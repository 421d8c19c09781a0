import { folderOfHomes, settingOf } from '@dsyncd/config';
import type { Doveconf } from './doveconf.ts';
import { groupIds, userId } from './file-access.ts';

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
