import { DsyncdError, parseDestination } from '@dsyncd/core';
import { formatDuration } from '../settings/units.ts';
import type { Draft } from './draft.ts';
import { blocksOf, type DoveconfTree, parseDovecotTime, settingOf } from './tree.ts';

/** `mail_replica` and what belongs to it. */
export function importChannel(tree: DoveconfTree, draft: Draft): void {
  const plugins = blocksOf(tree, 'plugin');
  const plugin = (key: string): string | undefined =>
    plugins.map((block) => settingOf(block, key)).find((value) => value !== undefined);
  importReplica(plugin('mail_replica'), draft);
  const wait = plugin('replication_sync_timeout');
  if (wait !== undefined) importSyncTimeout(wait, draft);
  if (plugin('noreplicate') !== undefined)
    draft.lost(
      'plugin/noreplicate',
      'it stops the replication of everybody on this host, so it is a leftover or belongs into userdb',
      'return noreplicate from userdb for single users, which dsyncd heeds, or list them in dovecot.user_exclude',
    );
  for (const kind of ['protocol', 'remote', 'local', 'local_name'])
    for (const block of blocksOf(tree, kind))
      for (const inner of blocksOf(block, 'plugin'))
        for (const key of ['mail_replica', 'replication_sync_timeout', 'noreplicate'])
          if (inner.settings.has(key))
            draft.lost(
              `${kind} ${block.name}/plugin/${key}`,
              'dsyncd has one value for everybody, whatever the protocol or the address of the client',
            );
}

function importReplica(text: string | undefined, draft: Draft): void {
  const table = 'channels.default';
  if (text === undefined) {
    draft.comment(table, 'mail_replica = "tcps:mx2.example.com"');
    draft.todo(
      'plugin/mail_replica',
      'there is none, so nothing would be replicated',
      'set mail_replica in [channels.default]; if userdb returns it for each user, set mail_replica_field = "mail_replica" too',
    );
    return;
  }
  const problem = whyNoReplica(text);
  if (problem === undefined) {
    draft.set(table, 'mail_replica', text);
    if (text.startsWith('tcp:'))
      draft.todo(
        'plugin/mail_replica',
        'mail crosses the network in the clear, unless there is a VPN below it',
        'use tcps: once the doveadm listeners of both hosts have ssl = yes',
      );
    return;
  }
  draft.comment(table, `mail_replica = ${JSON.stringify(text)}`);
  draft.lost('plugin/mail_replica', `${JSON.stringify(text)} ${problem}`, replicaHint(text));
}

function whyNoReplica(text: string): string | undefined {
  if (text.includes('%')) return 'has a variable: a channel leads to one host';
  if (/^(?:maildir|mdbox|sdbox|mbox|obox|imapc):/.test(text))
    return 'is a mail location on this host, not a replica';
  if (text.includes('/') || text.includes(' '))
    return 'is a command line; dsyncd starts no commands of its own';
  try {
    parseDestination(text, { doveadmPort: 1 });
    return undefined;
  } catch (error) {
    if (error instanceof DsyncdError) return `cannot be used: ${error.message}`;
    throw error;
  }
}

const replicaHint = (text: string): string =>
  text.includes('%')
    ? 'let userdb return mail_replica for each user and set mail_replica_field = "mail_replica"'
    : 'write it as tcps:HOST[:PORT], tcp:HOST[:PORT] or remote:LOGIN@HOST into [channels.default]';

function importSyncTimeout(text: string, draft: Draft): void {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) * 1000 : parseDovecotTime(text);
  if (seconds === undefined)
    draft.lost('plugin/replication_sync_timeout', `${JSON.stringify(text)} is no time`, 'set it as "2s"');
  else if (seconds > 300_000) {
    draft.set('', 'replication_sync_timeout', '5m');
    draft.changed('plugin/replication_sync_timeout', 'a delivery waits for 5 minutes at most');
  } else draft.set('', 'replication_sync_timeout', formatDuration(seconds));
}
