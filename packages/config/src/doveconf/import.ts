import type { DsyncdError } from '@dsyncd/core';
import { formatDuration } from '../settings/units.ts';
import { importChannel } from './channel.ts';
import { Draft, type ImportNote } from './draft.ts';
import { importDsyncParameters } from './dsync-parameters.ts';
import { checkMailPlugins } from './mail-plugins.ts';
import { importSockets } from './sockets.ts';
import { importTransport } from './transport.ts';
import {
  badDoveconf,
  blocksOf,
  type DoveconfTree,
  parseDoveconf,
  parseDovecotTime,
  settingOf,
} from './tree.ts';

export interface DoveconfImport {
  /** A dsyncd.toml; good, but for what the notes of kind `todo` say. */
  readonly toml: string;
  /** What `doveadm_password` is, when doveconf showed it. Belongs into a file that only dsyncd can read. */
  readonly password?: string;
  readonly notes: readonly ImportNote[];
}

export interface DoveconfImportOptions {
  /** What `doveadm_password_file` is to say. Default `/etc/dsyncd/secret`. */
  readonly passwordFile?: string;
}

/**
 * Turns what `doveconf -n` of a Dovecot 2.3 prints into our configuration. Pure.
 * @throws {DsyncdError} `DSYNCD_DOVECONF` (operator) when the text is something else.
 */
export function importDoveconf(text: string, options: DoveconfImportOptions = {}): DoveconfImport {
  const tree = parseDoveconf(text);
  refuseOthers(tree);
  const draft = new Draft();
  draft.comment('', `Imported from the configuration of Dovecot ${tree.version ?? '2.3'}.`);
  importHostname(tree, draft);
  draft.set('', 'mail_engine', 'dovecot');
  importSpeed(tree, draft);
  importDsyncParameters(settingOf(tree, 'replication_dsync_parameters'), draft);
  importChannel(tree, draft);
  const { password } = importTransport(tree, options.passwordFile ?? '/etc/dsyncd/secret', draft);
  importUsers(tree, draft);
  importSockets(tree, draft);
  checkMailPlugins(tree, draft);
  return { toml: draft.toml(), notes: draft.notes, password };
}

function refuseOthers(tree: DoveconfTree): void {
  if (tree.settings.size === 0 && tree.blocks.length === 0) throw badDoveconf('it has no settings');
  const isNewer = tree.settings.has('dovecot_config_version') || /^2\.[4-9]/.test(tree.version ?? '');
  if (isNewer) throw badVersion(tree);
}

const badVersion = ({ version }: DoveconfTree): DsyncdError =>
  badDoveconf(
    `it is of Dovecot ${version ?? '2.4'}, which has no replicator and no settings for one; see deploy/dovecot-2.4 for it`,
  );

function importHostname(tree: DoveconfTree, draft: Draft): void {
  // What a sync compares is the name in the comment; the setting is for greetings of LMTP.
  const name = tree.hostname ?? settingOf(tree, 'hostname');
  if (name === undefined) {
    draft.todo('hostname', 'doveconf does not say it', 'set hostname; it must differ between the hosts');
    return;
  }
  if (name.length > 255 || /[\s/\u0000-\u001f\u007f]/.test(name)) {
    draft.lost('hostname', `${JSON.stringify(name)} is no host name`, 'set hostname');
    return;
  }
  draft.set('', 'hostname', name);
  if (/^localhost(\.|$)/.test(name))
    draft.todo(
      'hostname',
      `this host calls itself ${name}, and so may the other one`,
      'set different hostnames',
    );
}

function importSpeed(tree: DoveconfTree, draft: Draft): void {
  const conns = settingOf(tree, 'replication_max_conns');
  if (conns !== undefined) {
    const count = Number(conns);
    if (!/^\d{1,9}$/.test(conns))
      draft.lost('replication_max_conns', `${JSON.stringify(conns)} is no number`);
    else {
      const kept = Math.min(Math.max(count, 1), 1000);
      if (kept !== count) draft.changed('replication_max_conns', `it is from 1 to 1000 here: ${kept}`);
      draft.set('', 'replication_max_conns', kept);
    }
  }
  const interval = settingOf(tree, 'replication_full_sync_interval');
  if (interval === undefined) return;
  const spanMs = parseDovecotTime(interval);
  if (spanMs === undefined) {
    draft.lost('replication_full_sync_interval', `${JSON.stringify(interval)} is no time`, 'set it as "24h"');
    return;
  }
  const kept = Math.min(Math.max(spanMs, 60_000), 365 * 86_400_000);
  if (kept !== spanMs)
    draft.changed(
      'replication_full_sync_interval',
      `it is from a minute to a year here: ${formatDuration(kept)}`,
    );
  draft.set('', 'replication_full_sync_interval', formatDuration(kept));
}

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
      'the driver static cannot list users, so users without mail are not found',
      "add a userdb that can (passwd-file, SQL with iterate_query); `doveadm user '*'` must print everybody",
    );
  else if (drivers.some((driver) => ['sql', 'ldap', 'dict', 'lua'].includes(driver)))
    draft.todo(
      'userdb',
      `the driver ${drivers.join(', ')} lists users only when it is configured to`,
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
