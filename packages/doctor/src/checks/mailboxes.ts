import { type ChannelConfig, settingOf } from '@dsyncd/config';
import type { UserName } from '@dsyncd/core';
import type { ChannelCheck } from '../check.ts';
import type { Doveadm } from '../doveadm.ts';
import type { Doveconf } from '../doveconf.ts';
import { type Finding, NotCheckable, ok, problem, warning } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** At most so many users are checked: two commands each. */
const usersMax = 50;
/** At most so many mailboxes are named. */
const namesMax = 5;

/** GUIDs by the names of mailboxes. */
export type MailboxList = ReadonlyMap<string, string>;

/** Mailboxes of one user on both hosts. */
export interface UserMailboxes {
  readonly user: string;
  readonly here: MailboxList;
  /** Undefined where the other end is no Dovecot, or does not know the user. */
  readonly there?: MailboxList;
}

/** Are there mailboxes that dsync cannot make equal? */
export const mailboxes: ChannelCheck = {
  name: 'mailboxes',
  async run(scene, channel) {
    if (scene.config.mailEngine !== 'dovecot') return undefined;
    const looked = await lookAtUsers(scene, channel);
    return judgeMailboxes(looked, await doveconfOr(scene));
  },
};

async function lookAtUsers(scene: Scene, channel: ChannelConfig): Promise<readonly UserMailboxes[]> {
  const here = await scene.localDoveadm();
  const far = await scene.far(channel).catch(() => undefined);
  const there = far?.kind === 'dovecot' ? far.doveadm : undefined;
  const looked: UserMailboxes[] = [];
  for (const user of (await scene.users()).slice(0, usersMax)) {
    const theirs = there === undefined ? undefined : await listOf(there, user).catch(() => undefined);
    looked.push({ user, here: await listOf(here, user), there: theirs });
  }
  return looked;
}

async function listOf(doveadm: Doveadm, user: UserName): Promise<MailboxList> {
  const { fields } = await doveadm.ask({ words: ['mailbox status', '-u', user, 'guid', '*'], user });
  const list = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2)
    list.set(fields[index] ?? '', fields[index + 1] ?? '');
  return list;
}

async function doveconfOr(scene: Scene): Promise<Doveconf | undefined> {
  try {
    return await scene.doveconf();
  } catch (error) {
    if (error instanceof NotCheckable) return undefined;
    throw error;
  }
}

/**
 * What is wrong with the mailboxes. Pure.
 * @param doveconf - of the Dovecot here; undefined: it cannot be had
 */
export function judgeMailboxes(users: readonly UserMailboxes[], doveconf: Doveconf | undefined): Finding {
  const named = (isMeant: (name: string) => boolean): readonly string[] =>
    users.flatMap(({ user, here }) => [...here.keys()].filter(isMeant).map((name) => `${name} of ${user}`));
  const damaged = named((name) => name.includes('\ufffd'));
  if (damaged.length > 0)
    return problem(
      `names that are not valid UTF-8: ${sample(damaged)}`,
      'rename their folders on disk, with Dovecot stopped: dsync gives them other names on the other host',
    );
  const percent = named((name) => name.includes('%'));
  if (percent.length > 0 && mistakesPercent(doveconf))
    return problem(
      `Dovecot before 2.3.21 mistakes the "%" in names of mailboxes, renames them or fails: ${sample(percent)}`,
      'add :BROKENCHAR=^ (or another character that no name has) to mail_location on both hosts and reload, or rename the mailboxes',
    );
  const disputed = users.flatMap(({ user, here, there }) =>
    [...here]
      .filter(([name, guid]) => (there?.get(name) ?? guid) !== guid)
      .map(([name]) => `${name} of ${user}`),
  );
  if (disputed.length > 0)
    return warning(
      `both hosts made these mailboxes by themselves: ${sample(disputed)}`,
      'nothing, if a later run does not name them again: a sync makes one of each. Dovecot before 2.3.20 cannot do that with Maildir; then dsyncd needs the commands "mailbox status" and "mailbox update" (doveadm_allowed_commands)',
    );
  const left = named((name) => /-temp-(?:[0-9a-f]{1,8}|[0-9a-f]{32})$/.test(name));
  if (left.length > 0)
    return warning(
      `dsync gives such names where two mailboxes wanted the same: ${sample(left)}`,
      'on one host only, move what is wanted (`doveadm move -u USER NAME mailbox NAME-temp-1 all`), then delete the mailbox; or give it a name of its own',
    );
  return ok(
    `the mailboxes of ${users.length === usersMax ? `the first ${usersMax}` : 'all'} users can be replicated`,
  );
}

/** Only an escape character that is configured spares it the mistake. */
function mistakesPercent(doveconf: Doveconf | undefined): boolean {
  if (doveconf === undefined || doveconf.is24) return false;
  const [, minor = 0, patch = 0] = doveconf.version.split('.').map(Number);
  const isMended = minor > 3 || (minor === 3 && patch >= 21);
  return !isMended && !/:BROKENCHAR=/i.test(settingOf(doveconf.tree, 'mail_location') ?? '');
}

const sample = (names: readonly string[]): string =>
  names.slice(0, namesMax).join(', ') +
  (names.length > namesMax ? ` and ${names.length - namesMax} more` : '');
