import { Command } from 'commander';
import { registerCheck } from './commands/check.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerConfigCheck, registerConfigImport, registerConfigReference } from './commands/config.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerDrain } from './commands/drain.ts';
import { registerFailoverCheck } from './commands/failover.ts';
import {
  registerMailCopy,
  registerMailExpunge,
  registerMailMove,
  registerMailSave,
} from './commands/mail-change.ts';
import { registerMailFlags } from './commands/mail-flags.ts';
import { registerMailFetch, registerMailList } from './commands/mail-read.ts';
import {
  registerMailboxCreate,
  registerMailboxDelete,
  registerMailboxList,
  registerMailboxRename,
  registerMailboxStatus,
  registerMailboxSubscribe,
  registerMailboxUnsubscribe,
} from './commands/mailbox.ts';
import { registerPairInit, registerPairJoin, registerPairUndo } from './commands/pair.ts';
import { registerFailoverPlan, registerFailoverRehearse } from './commands/rehearsal.ts';
import {
  registerReplicatorAdd,
  registerReplicatorDsyncStatus,
  registerReplicatorRemove,
  registerReplicatorReplicate,
  registerReplicatorStatus,
} from './commands/replicator.ts';
import { registerFleet, registerStatus } from './commands/status.ts';
import {
  registerStoreCheck,
  registerStoreExport,
  registerStoreImport,
  registerStoreRebuild,
} from './commands/store.ts';
import { registerSync } from './commands/sync.ts';
import { registerVerify } from './commands/verify.ts';
import type { CommandContext } from './context.ts';

type Register = (parent: Command, context: CommandContext) => void;

/** Command groups: name, summary, commands. */
const groups: readonly (readonly [string, string, readonly Register[]])[] = [
  [
    'replicator',
    'inspect and control the replicator',
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
    "show and change a user's mailboxes",
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
    "show and change a user's mails",
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
    'maintain the files of the built-in mail store',
    [registerStoreCheck, registerStoreRebuild, registerStoreExport, registerStoreImport],
  ],
  ['pair', 'make two hosts a pair, and take it back', [registerPairInit, registerPairJoin, registerPairUndo]],
  [
    'failover',
    'prepare for the other host to take over',
    [registerFailoverCheck, registerFailoverPlan, registerFailoverRehearse],
  ],
  [
    'config',
    'check, convert and document the configuration',
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
      // The caller prints errors, in the form of all our errors.
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
  registerVerify(program, context);
  registerCompletion(program, context);
  for (const [name, summary, commands] of groups) {
    const group = program
      .command(name)
      .summary(summary)
      .description(`${sentence(summary)}.`);
    for (const register of commands) register(group, context);
  }
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
