import { countOf, quote, refusedNamesRemedy, twinHomesRemedy } from '@dsyncd/core';
import type { ChannelCheck, HostCheck } from '../check.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** At most so many names are shown. */
const namesMax = 5;

export const userList: HostCheck = {
  name: 'users',
  async run(scene) {
    const users = await scene.users();
    const { count, example = '' } = scene.unusable();
    if (count > 0)
      return problem(
        `${countOf(count, 'user')} of Dovecot cannot be replicated for their names: ${quote(example)}`,
        refusedNamesRemedy,
      );
    const { count: twins, example: homes } = scene.twins();
    if (homes !== undefined)
      return problem(
        `${countOf(twins, 'user')} with homes whose names differ by case only: ${quote(homes.used)} is used, ${quote(homes.unused)} is not`,
        twinHomesRemedy,
      );
    if (users.length > 0) return ok(`${countOf(users.length, 'user')} listed`);
    return noUser(scene);
  },
};

/** Can users be listed at all? The first one is enough: a host with very many of them is asked this all the time. */
export const anyUser: HostCheck = {
  name: 'users',
  run: async (scene) => ((await scene.anyUser()) === undefined ? noUser(scene) : ok('users are listed')),
};

const noUser = ({ config }: Scene): Finding =>
  config.mailEngine === 'dovecot'
    ? problem(
        'Dovecot lists no user who is to be replicated',
        "`doveadm user '*'` must print them (iterate_query, iterate filter); check user_include and user_exclude, too",
      )
    : warning('no user has a home yet', 'deliver a mail, or correct mail_home if there are users');

export const userAgreement: ChannelCheck = {
  name: 'same-users',
  async run(scene, channel) {
    const here = await scene.users();
    const there = (await (await scene.far(channel)).users()).filter((user) => scene.isLetIn(user));
    return compareUsers(here, there, scene.config.mailEngine === 'dovecot');
  },
};

/**
 * Are the users of both ends the same? Pure.
 * @param mustExist - a Dovecot has no mail for a user whom its userdb does not know; a dsyncd makes the home by the first sync
 */
export function compareUsers(here: readonly string[], there: readonly string[], mustExist: boolean): Finding {
  const [ours, theirs] = [new Set(here), new Set(there)];
  const onlyHere = here.filter((user) => !theirs.has(user));
  const onlyThere = there.filter((user) => !ours.has(user));
  if (onlyHere.length + onlyThere.length === 0)
    return ok(`both ends have the same ${countOf(here.length, 'user')}`);
  const parts = [
    ...(onlyHere.length === 0 ? [] : [`${onlyHere.length} only here (${sample(onlyHere)})`]),
    ...(onlyThere.length === 0 ? [] : [`${onlyThere.length} only there (${sample(onlyThere)})`]),
  ];
  const text = `${countOf(here.length, 'user')} here, ${there.length} there: ${parts.join(', ')}`;
  if (mustExist)
    return problem(
      text,
      'create them on the other host too, or leave them out on both (user_exclude, or noreplicate in userdb)',
    );
  return warning(
    text,
    "new users get a home with their first sync; for others: `dsyncadm replicator replicate -f '*'` on the host that has them",
  );
}

const sample = (users: readonly string[]): string =>
  users.slice(0, namesMax).join(', ') + (users.length > namesMax ? ', ...' : '');
