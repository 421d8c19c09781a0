import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { blocksOf, mailHomesFolder, settingOf } from '@dsyncd/config';
import type { UserName } from '@dsyncd/core';
import { readFifoNote } from '@dsyncd/notify';
import type { HostCheck } from '../check.ts';
import type { Doveconf } from '../doveconf.ts';
import { accessProblem, groupIds, type Identity } from '../file-access.ts';
import { type Finding, ok, problem, unchecked, warning } from '../finding.ts';
import type { Scene } from '../scene.ts';

const fifoName = 'replication-notify-fifo';
const socketName = 'replication-notify';
/** Notifications are taken within a moment; more than this many lie there only when nobody takes them. */
const waitingMax = 100;
const unknownMailUser = 'neither userdb nor mail_uid and mail_gid say as whom mail processes run';

/** Can mail processes reach the place where they report changes? */
export const notifyPlaces: HostCheck = {
  name: 'notify-places',
  async run(scene) {
    if (scene.config.mailEngine === 'builtin') return builtinPlaces(scene);
    const doveconf = await scene.doveconf();
    const who = await mailIdentity(scene, doveconf);
    return doveconf.is24 ? spoolFolder(scene, doveconf, who) : dovecotSockets(scene, doveconf, who);
  },
};

async function builtinPlaces({ config }: Scene): Promise<Finding> {
  const homes = await stat(mailHomesFolder(config)).catch(() => undefined);
  if (homes === undefined)
    return warning(
      `${mailHomesFolder(config)}, the folder of mail_home, does not exist`,
      'make it for the user of the services, or correct mail_home',
    );
  const { dir } = config.listeners.notify;
  const who = { uid: homes.uid, gids: [homes.gid] };
  const spool = await spoolProblem(config.notifySpoolDir, who);
  return (
    spool ?? (await placeProblem(dir, who)) ?? ok(`${dir} has the FIFO and the sockets for mail processes`)
  );
}

async function dovecotSockets(
  { config }: Scene,
  { tree }: Doveconf,
  who: Identity | undefined,
): Promise<Finding> {
  const baseDir = (settingOf(tree, 'base_dir') ?? '/run/dovecot').replace(/\/$/, '');
  const { dir } = config.listeners.notify;
  const [theirs, ours] = await Promise.all([
    identityOf(join(baseDir, fifoName)),
    identityOf(join(dir, fifoName)),
  ]);
  if (theirs === undefined)
    return problem(
      `${join(baseDir, fifoName)} does not exist: Dovecot writes its notifications nowhere`,
      `link it to that of dsyncd (deploy/dovecot-2.3/tmpfiles.conf, then systemd-tmpfiles --create), or set dir = "${baseDir}" in [listeners.notify]`,
    );
  if (ours !== undefined && theirs !== ours)
    return problem(
      `${join(baseDir, fifoName)} is not that of dsyncd in ${dir}: another replicator gets the notifications`,
      "switch Dovecot's own off (mode = 0 for the listeners of service aggregator), doveadm reload, remove the FIFO and link it as deploy/dovecot-2.3/tmpfiles.conf does",
    );
  if (who === undefined) return unchecked(unknownMailUser);
  return (
    (await placeProblem(baseDir, who)) ??
    ok(`mail processes reach the FIFO and the socket of dsyncd in ${baseDir}`)
  );
}

const identityOf = async (path: string): Promise<string | undefined> =>
  stat(path).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => undefined,
  );

/** What is wrong with the FIFO and the socket in a folder. */
async function placeProblem(folder: string, who: Identity): Promise<Finding | undefined> {
  for (const [name, isRight] of [
    [fifoName, (file: Awaited<ReturnType<typeof stat>>) => file.isFIFO()],
    [socketName, (file: Awaited<ReturnType<typeof stat>>) => file.isSocket()],
  ] as const) {
    const path = join(folder, name);
    const file = await stat(path).catch(() => undefined);
    if (file === undefined) return problem(`${path} does not exist`, 'start dsyncd, which makes it');
    if (!isRight(file))
      return problem(`${path} is a plain file`, `remove it and restart dsyncd: \`rm ${path}\``);
    const kept = await accessProblem(path, who, ['write']);
    if (kept !== undefined)
      return problem(
        `notifications are lost: ${kept}`,
        'set mode, user and group in [listeners.notify] so that mail processes may write, and restart dsyncd',
      );
  }
  return undefined;
}

async function spoolFolder(
  { config }: Scene,
  { tree }: Doveconf,
  who: Identity | undefined,
): Promise<Finding | undefined> {
  const lua = blocksOf(tree, 'push_notification').find((block) => settingOf(block, 'driver') === 'lua');
  if (lua === undefined) return undefined;
  const { notifySpoolDir } = config;
  const named = settingOf(blocksOf(lua, 'lua_settings')[0], 'spool_dir') ?? '/var/lib/dsyncd/notify-spool';
  if (named.replace(/\/$/, '') !== notifySpoolDir.replace(/\/$/, ''))
    return problem(
      `Dovecot writes its notifications to ${named}, dsyncd reads ${notifySpoolDir}`,
      `set spool_dir of lua_settings and notify_spool_dir of dsyncd.toml to the same folder`,
    );
  const files = await readdir(notifySpoolDir).catch(() => undefined);
  if (files === undefined) return problem(`the spool folder ${notifySpoolDir} cannot be read`, spoolRemedy);
  if (who === undefined) return unchecked(unknownMailUser);
  const kept = await spoolProblem(notifySpoolDir, who);
  if (kept !== undefined) return kept;
  if (files.length > waitingMax)
    return warning(
      `${files.length} notifications lie in ${notifySpoolDir}: nobody takes them`,
      'start dsyncd; it must be able to remove files there',
    );
  return ok(`mail processes can write to the spool folder ${notifySpoolDir}`);
}

const spoolRemedy = 'make the folder, and let the mail user and the user of dsyncd read and write there';

/** Where mail processes leave their notifications when dsyncd cannot take them. */
async function spoolProblem(folder: string, who: Identity): Promise<Finding | undefined> {
  const present = await stat(folder).catch(() => undefined);
  if (present?.isDirectory() !== true) return problem(`the spool folder ${folder} is not there`, spoolRemedy);
  const kept = await accessProblem(folder, who, ['write', 'enter']);
  if (kept === undefined) return undefined;
  return problem(
    `notifications are lost: ${kept}`,
    `give the folder to the mail user or its group: chown ${who.uid}:${who.gids[0]} ${folder}; dsyncd must be able to read it, too`,
  );
}

async function mailIdentity(scene: Scene, { tree }: Doveconf): Promise<Identity | undefined> {
  const user = await scene.anyUser();
  if (user === undefined) return undefined;
  const { uid, gid } = (await scene.mailOwner(user)) ?? {};
  if (uid === undefined || gid === undefined) return undefined;
  const groups = settingOf(tree, 'mail_access_groups')?.split(/[\s,]+/) ?? [];
  return { uid, gids: [gid, ...(await groupIds(groups))] };
}

/** Users who are checked: what is true of these is true of all. */
const samplesMax = 5;

/** Can a mail process have met a FIFO without a reader? Then it reports no change any more, as long as it runs. */
export const fifoHeld: HostCheck = {
  name: 'fifo-held',
  async run(scene) {
    if (scene.config.mailEngine !== 'dovecot' || (await scene.doveconf()).is24) return undefined;
    const note = await readFifoNote(scene.config.stateDir);
    if (note === undefined) return undefined;
    if (note.wasHeld) return ok('the notification FIFO stays open while dsyncd is not there');
    return warning(
      `nobody held the notification FIFO open before dsyncd started at ${new Date(note.startedAt).toISOString()}: sessions of Dovecot that are older may report no change any more, and only the scan (scan_interval) finds what they change`,
      "end these sessions once: `doveadm kick '*'`; and have the FIFO held open: `systemctl enable --now dsyncd.socket`, or run dsyncd-fifo-keeper beside dsyncd",
    );
  },
};

/** Does the scan see the index files? */
export const scanSees: HostCheck = {
  name: 'index-times',
  async run(scene) {
    if (scene.config.mailEngine !== 'dovecot') return undefined;
    const users = (await scene.users()).slice(0, samplesMax);
    const answers = await Promise.all(
      users.map((user) => scene.indexTimes.changedSince(user, 0, scene.signal)),
    );
    const unseen: UserName[] = [];
    for (const [index, user] of users.entries()) {
      // A user without a home has no mail yet.
      if (answers[index] === undefined && existsSync((await scene.mailOwner(user))?.home ?? ''))
        unseen.push(user);
    }
    if (unseen.length === 0)
      return ok("the times of Dovecot's index files show who changed without a notification");
    return warning(
      `the index files of ${unseen.join(', ')} are not found, or may not be read: after a start all such users are synced, and no scan finds changes that were not reported`,
      'run dsyncd as the owner of the mail, set mail_index_path, and check ProtectHome in the unit when mail is in /home',
    );
  },
};
