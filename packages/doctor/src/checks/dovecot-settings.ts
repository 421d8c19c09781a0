import {
  blocksOf,
  type DoveconfBlock,
  type DoveconfTree,
  missingNotifyPlugins,
  settingOf,
} from '@dsyncd/config';
import { parseDestination } from '@dsyncd/core';
import type { ChannelCheck, HostCheck } from '../check.ts';
import { type Doveconf, wordsOf } from '../doveconf.ts';
import { type Finding, ok, problem } from '../finding.ts';

export const notifyProtocols: HostCheck = {
  name: 'notify-protocols',
  run: async (scene) =>
    scene.config.mailEngine === 'dovecot' ? judgeProtocols(await scene.doveconf()) : undefined,
};

/** Does every protocol that changes mail report it? Pure. */
export const judgeProtocols = (doveconf: Doveconf): Finding =>
  doveconf.is24 ? judge24(doveconf.tree) : judge23(doveconf.tree);

/** What changes mail: what `protocols` switches on, and what always is there. */
const protocolsOf = (tree: DoveconfTree): readonly string[] => {
  const enabled = wordsOf(tree, 'protocols') ?? ['imap', 'pop3', 'lmtp'];
  return [...['imap', 'lmtp', 'pop3'].filter((protocol) => enabled.includes(protocol)), 'lda', 'doveadm'];
};

const blockOf = (tree: DoveconfTree, protocol: string): DoveconfBlock | undefined =>
  blocksOf(tree, 'protocol').find(({ name }) => name.split(/\s+/).includes(protocol));

function judge23(tree: DoveconfTree): Finding {
  const lacking = protocolsOf(tree).flatMap((protocol) => {
    const own = wordsOf(blockOf(tree, protocol), 'mail_plugins');
    const missing = missingNotifyPlugins((own ?? wordsOf(tree, 'mail_plugins') ?? []).join(' '));
    return missing.length === 0 ? [] : [{ protocol, missing, hasOwn: own !== undefined }];
  });
  const [first] = lacking;
  if (first !== undefined)
    return problem(
      `changes by ${lacking.map(({ protocol }) => protocol).join(', ')} are not notified: mail_plugins lacks ${first.missing.join(' and ')}`,
      first.hasOwn
        ? `begin mail_plugins of protocol ${first.protocol} with $mail_plugins, below the line mail_plugins = $mail_plugins notify replication; then doveadm reload`
        : 'set mail_plugins = $mail_plugins notify replication at the top, before the protocol blocks; then doveadm reload',
    );
  const plugin = blocksOf(tree, 'plugin')[0];
  if (settingOf(plugin, 'mail_replica') === undefined)
    return problem(
      'the replication plugin is loaded but asleep: plugin/mail_replica is not set',
      'set mail_replica = dsyncd in the plugin block (any text wakes it); then doveadm reload',
    );
  return ok(`${protocolsOf(tree).join(', ')} notify of their changes`);
}

const luaPlugins = ['notify', 'push_notification', 'mail_lua', 'push_notification_lua'] as const;
const exporterPlugins = ['notify', 'push_notification'] as const;

function judge24(tree: DoveconfTree): Finding {
  const byLua = blocksOf(tree, 'push_notification').some((block) => settingOf(block, 'driver') === 'lua');
  const byExporter = blocksOf(tree, 'metric').some((block) =>
    settingOf(block, 'filter')?.includes('push_notification_finished'),
  );
  const needed = byLua || !byExporter ? luaPlugins : exporterPlugins;
  const general = wordsOf(tree, 'mail_plugins') ?? [];
  if (general.includes('push_notification_lua') && !general.includes('mail_lua'))
    return problem(
      'push_notification_lua is loaded without mail_lua: no mail process starts',
      'add mail_lua = yes to mail_plugins; then doveadm reload',
    );
  const lacking = protocolsOf(tree).flatMap((protocol) => {
    const plugins = pluginsOf24(tree, protocol);
    const missing = needed.filter((plugin) => !plugins.includes(plugin));
    return missing.length === 0 ? [] : [{ protocol, missing }];
  });
  if (lacking[0] !== undefined)
    return problem(
      `changes by ${lacking.map(({ protocol }) => protocol).join(', ')} are not notified: mail_plugins lacks ${lacking[0].missing.join(', ')}`,
      'set these plugins to yes in mail_plugins (deploy/dovecot-2.4/99-dsyncd.conf), also where a protocol has its own; then doveadm reload',
    );
  if (!byLua && !byExporter)
    return problem(
      'the plugins are loaded, but nothing passes their notifications on',
      'add the block push_notification dsyncd of deploy/dovecot-2.4/99-dsyncd.conf; then doveadm reload',
    );
  return ok(
    `${protocolsOf(tree).join(', ')} notify of their changes by ${byLua ? 'the Lua script' : 'the event exporter'}`,
  );
}

/** In 2.4 the list of a protocol adds to the general one, or takes from it; a plain value replaces it. */
function pluginsOf24(tree: DoveconfTree, protocol: string): readonly string[] {
  const general = wordsOf(tree, 'mail_plugins') ?? [];
  const block = blockOf(tree, protocol);
  const list = block?.blocks.find(({ kind }) => kind === 'mail_plugins');
  if (list === undefined) return wordsOf(block, 'mail_plugins') ?? general;
  const set = new Set(general);
  for (const { key, value } of list.settings.values()) value === 'yes' ? set.add(key) : set.delete(key);
  return [...set];
}

/** Dovecot 2.4.0 to 2.4.2 start `dsync-server` over SSH with an option that it does not take. */
export const sshOption: ChannelCheck = {
  name: 'ssh-command',
  async run(scene, { mailReplica, doveadmPort }) {
    const { kind } = parseDestination(mailReplica, { doveadmPort });
    if (scene.config.mailEngine !== 'dovecot' || kind !== 'ssh') return undefined;
    return judgeSshCommand(await scene.doveconf());
  },
};

/** Pure. */
export function judgeSshCommand({ version, tree, is24 }: Doveconf): Finding {
  const command = settingOf(tree, 'dsync_remote_cmd');
  const isDefaultBad = /^2\.4\.[0-2](\D|$)/.test(version);
  if (is24 && (command === undefined ? isDefaultBad : / -U( |$)/.test(command)))
    return problem(
      `dsync_remote_cmd of Dovecot ${version} ends in -U, which dsync-server of 2.4 refuses: no sync succeeds`,
      'set dsync_remote_cmd = ssh -l%{login} %{host} doveadm dsync-server -u%{user}; then doveadm reload',
    );
  return ok(`the command that Dovecot starts by SSH has no option that 2.4 refuses`);
}
