import type { Draft } from './draft.ts';
import { blocksOf, type DoveconfTree, settingOf } from './tree.ts';

/** Dovecot's own first_valid_uid, which `doveconf -n` leaves out. */
const firstValidUidDefault = 500;

/** Who is replicated: what of userdb and namespaces matters for it. */
export function importUsers(tree: DoveconfTree, draft: Draft): void {
  const drivers = blocksOf(tree, 'userdb').map((block) => settingOf(block, 'driver') ?? '');
  const uid = Number(settingOf(tree, 'first_valid_uid') ?? firstValidUidDefault);
  // With other drivers all mail often belongs to one user with a low UID.
  if (drivers.includes('passwd') && Number.isSafeInteger(uid) && uid >= 0 && uid < 0xffff_ffff)
    draft.set('dovecot', 'first_valid_uid', uid);
  if (drivers.includes('static'))
    draft.todo(
      'userdb',
      'the driver static cannot list users, so nobody is found who has no mail to tell of',
      "add a userdb that can (passwd-file, SQL with iterate_query); `doveadm user '*'` must print everybody",
    );
  else if (drivers.some((driver) => ['sql', 'ldap', 'dict', 'lua'].includes(driver)))
    draft.todo(
      'userdb',
      `the driver ${drivers.join(', ')} lists users only when it is told how`,
      "check that `doveadm user '*'` prints everybody (iterate_query, iterate_filter)",
    );
  for (const namespace of blocksOf(tree, 'namespace')) {
    const name = `namespace ${namespace.name}`.trimEnd();
    const type = settingOf(namespace, 'type') ?? 'private';
    if (namespace.settings.has('noreplicate'))
      draft.lost(
        `${name}/noreplicate`,
        'a sync takes all namespaces of its user: dsyncd cannot leave one out',
        'leave whole users out with dovecot.user_exclude, or keep such a namespace on one of the hosts only',
      );
    if (type === 'shared' || type === 'public')
      draft.todo(
        `${name}/type`,
        `a ${type} namespace is synced with each of its users: two syncs at once can double its mails`,
        'keep it on one of the hosts only, or on storage that replicates itself',
      );
  }
}
