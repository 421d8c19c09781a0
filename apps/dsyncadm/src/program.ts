import { Command } from 'commander';
import { registerCheck } from './commands/check.ts';
import { registerConfigCheck } from './commands/config-check.ts';
import { registerConfigImport } from './commands/config-import.ts';
import { registerConfigReference } from './commands/config-reference.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerDrain } from './commands/drain.ts';
import { registerFailoverCheck } from './commands/failover-check.ts';
import { registerFleet } from './commands/fleet.ts';
import { registerMailCopy } from './commands/mail-copy.ts';
import { registerMailExpunge } from './commands/mail-expunge.ts';
import { registerMailFetch } from './commands/mail-fetch.ts';
import { registerMailFlags } from './commands/mail-flags.ts';
import { registerMailList } from './commands/mail-list.ts';
import { registerMailMove } from './commands/mail-move.ts';
import { registerMailSave } from './commands/mail-save.ts';
import { registerMailboxCreate } from './commands/mailbox-create.ts';
import { registerMailboxDelete } from './commands/mailbox-delete.ts';
import { registerMailboxList } from './commands/mailbox-list.ts';
import { registerMailboxRename } from './commands/mailbox-rename.ts';
import { registerMailboxStatus } from './commands/mailbox-status.ts';
import { registerMailboxSubscribe } from './commands/mailbox-subscribe.ts';
import { registerMailboxUnsubscribe } from './commands/mailbox-unsubscribe.ts';
import { registerReplicatorAdd } from './commands/replicator-add.ts';
import { registerReplicatorDsyncStatus } from './commands/replicator-dsync-status.ts';
import { registerReplicatorRemove } from './commands/replicator-remove.ts';
import { registerReplicatorReplicate } from './commands/replicator-replicate.ts';
import { registerReplicatorStatus } from './commands/replicator-status.ts';
import { registerStatus } from './commands/status.ts';
import { registerStoreCheck } from './commands/store-check.ts';
import { registerStoreExport } from './commands/store-export.ts';
import { registerStoreImport } from './commands/store-import.ts';
import { registerStoreRebuild } from './commands/store-rebuild.ts';
import { registerSync } from './commands/sync.ts';
import type { CommandContext } from './context.ts';

type Register = (parent: Command, context: CommandContext) => void;

/** Command groups: name, summary, commands. */
const groups: readonly (readonly [string, string, readonly Register[]])[] = [
  [
    'replicator',
    'look at the replicator and tell it what to do',
    [
      registerReplicatorStatus,
      registerReplicatorDsyncStatus,
      registerReplicatorReplicate,
      registerReplicatorAdd,
      registerReplicatorRemove,
    ],
  ],
  [
    'mailbox',
    "look at and change a user's mailboxes",
    [
      registerMailboxList,
      registerMailboxStatus,
      registerMailboxCreate,
      registerMailboxRename,
      registerMailboxDelete,
      registerMailboxSubscribe,
      registerMailboxUnsubscribe,
    ],
  ],
  [
    'mail',
    "look at and change a user's mails",
    [
      registerMailList,
      registerMailFetch,
      registerMailSave,
      registerMailFlags,
      registerMailCopy,
      registerMailMove,
      registerMailExpunge,
    ],
  ],
  [
    'store',
    'look after the files of the built-in mail store',
    [registerStoreCheck, registerStoreRebuild, registerStoreExport, registerStoreImport],
  ],
  ['failover', 'prepare for the other host to take over', [registerFailoverCheck]],
  [
    'config',
    'look at the configuration',
    [registerConfigCheck, registerConfigImport, registerConfigReference],
  ],
];

/** The command line of dsyncadm, without its commands; see {@link registerCommands}. */
export function createProgram(version: string): Command {
  return (
    new Command('dsyncadm')
      .description('Administers dsyncd: replication, mail, configuration.')
      .option(
        '-c, --config <file>',
        'configuration; otherwise $DSYNCD_CONFIG, otherwise /etc/dsyncd/dsyncd.toml',
      )
      .version(version, '-V, --version', 'print the version')
      .helpOption('-h, --help', 'print help')
      .helpCommand('help [command]', 'print help of a command')
      .configureHelp({ showGlobalOptions: true })
      .showSuggestionAfterError()
      // The caller prints errors, in the form that all our errors have.
      .configureOutput({ outputError: () => {} })
      .exitOverride()
  );
}

export function registerCommands(program: Command, context: CommandContext): void {
  registerStatus(program, context);
  registerCheck(program, context);
  registerDoctor(program, context);
  registerDrain(program, context);
  registerFleet(program, context);
  registerSync(program, context);
  for (const [name, summary, commands] of groups) {
    const group = program
      .command(name)
      .summary(summary)
      .description(`${sentence(summary)}.`);
    for (const register of commands) register(group, context);
  }
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
