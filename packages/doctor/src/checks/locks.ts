import { statfs } from 'node:fs/promises';
import { mailHomesFolder, settingOf } from '@dsyncd/config';
import type { HostCheck } from '../check.ts';
import type { Doveconf } from '../doveconf.ts';
import { type Finding, ok, problem, unchecked, warning } from '../finding.ts';

/** File systems that other hosts may have mounted too, by the number that statfs gives them. */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x0bd00bd0, 'Lustre'],
  [0x00c36400, 'CephFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
]);

/** Do locks hold where the mail is? */
export const mailLocks: HostCheck = {
  name: 'locks',
  async run(scene) {
    if (scene.config.mailEngine === 'builtin')
      return judgeBuiltinLocks(await networkOf(mailHomesFolder(scene.config)));
    const [user] = await scene.users();
    if (user === undefined) return unchecked('there is no user whose home could be checked');
    const home = (await scene.mailOwner(user))?.home;
    if (home === undefined)
      return problem(
        `there is no home for ${user}: dsync keeps its lock there`,
        'set mail_home, or let userdb return home for every user',
      );
    return judgeDovecotLocks(await scene.doveconf(), await networkOf(home));
  },
};

/** Name of the network file system that holds a folder; undefined: it is local, or not there yet. */
async function networkOf(folder: string): Promise<string | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  return found === undefined ? undefined : networkFileSystems.get(found.type);
}

/** Pure. */
export const judgeBuiltinLocks = (network: string | undefined): Finding =>
  network === undefined
    ? ok('mail is on a local file system, where locks hold')
    : problem(
        `mail_home is on ${network}: the index and its locks need a local file system`,
        'move the mail homes to a local disk on each host; dsyncd copies between them',
      );

/** Pure. */
export function judgeDovecotLocks({ tree }: Doveconf, network: string | undefined): Finding {
  const lockMethod = settingOf(tree, 'lock_method') ?? 'fcntl';
  if (network === undefined) {
    return lockMethod === 'dotlock'
      ? warning(
          'lock_method = dotlock on a local file system: slow, and left over by a crash',
          'remove lock_method',
        )
      : ok(`lock_method ${lockMethod} on a local file system`);
  }
  const wrong = [
    ...(settingOf(tree, 'mmap_disable') === 'yes' ? [] : ['mmap_disable = yes']),
    ...(settingOf(tree, 'mail_fsync') === 'always' ? [] : ['mail_fsync = always']),
    ...(lockMethod === 'flock' ? ['lock_method = fcntl'] : []),
  ];
  if (wrong.length > 0)
    return problem(
      `mail is on ${network}, for which Dovecot is not set: indexes can be damaged`,
      `set ${wrong.join(', ')}`,
    );
  return warning(
    `mail is on ${network}: if both hosts mount the same, replication would copy mail onto itself`,
    'make sure that each host has storage of its own, or switch replication off',
  );
}
