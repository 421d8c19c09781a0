import { existsSync } from 'node:fs';
import type { UserName } from '@dsyncd/core';
import { readFifoNote } from '@dsyncd/notify';
import type { HostCheck } from '../check.ts';
import { ok, warning } from '../finding.ts';

/** Users who are looked at: what holds for these holds for all. */
const samplesMax = 5;

/** Can a mail process have met a FIFO without a reader? Then it tells no change any more, as long as it lives. */
export const fifoHeld: HostCheck = {
  name: 'fifo-held',
  async run(scene) {
    if (scene.config.mailEngine !== 'dovecot' || (await scene.doveconf()).is24) return undefined;
    const note = await readFifoNote(scene.config.stateDir);
    if (note === undefined) return undefined;
    if (note.wasHeld) return ok('the notification FIFO stays open while dsyncd is not there');
    return warning(
      `nobody held the notification FIFO open before dsyncd started at ${new Date(note.startedAt).toISOString()}: sessions of Dovecot that are older may tell no change any more, and only the scan (scan_interval) finds what they change`,
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
      // Who has no home yet has no mail.
      if (answers[index] === undefined && existsSync((await scene.mailOwner(user))?.home ?? ''))
        unseen.push(user);
    }
    if (unseen.length === 0)
      return ok("the times of Dovecot's index files tell who changed without a notification");
    return warning(
      `the index files of ${unseen.join(', ')} are not found, or not ours to look at: after a start everyone like them is synced, and no scan finds changes that nobody told of`,
      'run dsyncd as the owner of the mail, set mail_index_path, and look at ProtectHome in the unit when mail is in /home',
    );
  },
};
