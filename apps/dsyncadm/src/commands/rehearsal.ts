import { join } from 'node:path';
import type { ChannelConfig, Config } from '@dsyncd/config';
import { parseUserName } from '@dsyncd/core';
import type { Command } from 'commander';
import { type CommandContext, programVersion } from '../context.ts';
import { usageError } from '../errors.ts';
import { addHelpParts, addJsonOption, exitCodes } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import { printable } from '../output/table.ts';
import type { Hooks } from '../rehearsal/hooks.ts';
import type { RehearsalReport, RehearsalStep } from '../rehearsal/report.ts';
import { healthOf } from '../replication-health.ts';
import { waitForQuiet } from './drain.ts';
import { judgeFailover } from './failover.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from './replicator.ts';

interface PlanOptions extends ReplicatorOptions, Hooks {
  readonly lmtp?: string;
  readonly json?: boolean;
}

interface RehearseOptions extends PlanOptions {
  readonly canary: string;
  readonly timeout: number;
  readonly report?: string;
}

const addHookOptions = (command: Command): Command =>
  command
    .option('--stop <command>', 'ends the mail services of this host')
    .option('--start <command>', 'starts them again')
    .option('--move <command>', 'moves the address, or the transport of the MTA, to the other host')
    .option('--back <command>', 'moves it back to this host')
    .option('--lmtp <address>', 'LMTP of the other host, HOST:PORT or a path: the canary is delivered there');

export function registerFailoverPlan(parent: Command, context: CommandContext): void {
  const command = parent
    .command('plan')
    .summary('show what a rehearsal would do')
    .description(
      'Show step by step what `failover rehearse` would do with these options, and whether it would begin now. Nothing is changed.',
    );
  addHelpParts(addJsonOption(addHookOptions(addReplicatorOptions(command))), {
    examples: ["failover plan --stop 'systemctl stop dsync-lmtp' --start 'systemctl start dsync-lmtp'"],
    exits: ['behind', ...replicatorExits],
  });
  command.action((options: PlanOptions) => plan(context, options));
}

export function registerFailoverRehearse(parent: Command, context: CommandContext): void {
  const command = parent
    .command('rehearse')
    .summary('leave this host for the other one, and come back')
    .description(
      'Rehearse a failover: wait until the replica has everything, end the mail services here, move the address, deliver and read a ' +
        'canary through the other host, and go back. A dated report has RPO and RTO. It refuses when the replica would lack mail; at any failure, ' +
        'Ctrl-C or SIGTERM everything is put back. Run it on the host that is to be left.',
    )
    .requiredOption('--canary <user>', "the canary goes into a mailbox of its own in this user's mail")
    .option('--timeout <seconds>', 'how long each step may take', parseWholeNumber, 60)
    .option('--report <folder>', 'where the report is written; otherwise the folder rehearsals in state_dir');
  addHelpParts(addJsonOption(addHookOptions(addReplicatorOptions(command))), {
    examples: [
      "failover rehearse --canary canary@example.com --lmtp mx2.example.com:24 --stop 'systemctl stop dsync-lmtp' --start 'systemctl start dsync-lmtp'",
      "failover rehearse --canary canary@example.com --move 'systemctl stop keepalived' --back 'systemctl start keepalived'",
    ],
    exits: ['behind', ...replicatorExits],
    ownExits: { 2: 'aborted; everything is put back', 3: 'something could not be put back' },
  });
  command.action((options: RehearseOptions) => rehearse(context, options));
}

/** A pair is one channel: the one that is named, or the only one. */
function channelOf({ channels }: Config, name: string | undefined): ChannelConfig {
  const [first, ...others] = name === undefined ? channels : channels.filter((each) => each.name === name);
  if (first !== undefined && others.length === 0) return first;
  throw usageError(
    first === undefined ? 'there is no such channel' : 'there are several channels',
    `choose one with --channel: ${channels.map((channel) => channel.name).join(', ') || 'none is configured'}`,
  );
}

/** A command without its opposite could not be put back. */
function checkHooks({ stop, start, move, back }: Hooks): void {
  if (stop !== undefined && start === undefined)
    throw usageError('--stop needs --start', 'give the command that undoes it');
  if (move !== undefined && back === undefined)
    throw usageError('--move needs --back', 'give the command that undoes it');
}

async function plan(context: CommandContext, options: PlanOptions): Promise<void> {
  const { terminal, clock } = context;
  checkHooks(options);
  const channel = channelOf(await context.config(), options.channel);
  const health = await withReplicator(context, options, (client) => healthOf(client, clock.now, options));
  const verdict = judgeFailover({ health, rpoMs: 0 });
  const steps = [
    `wait until ${channel.mailReplica} has everything; refuse otherwise`,
    'create the mailbox of the canary, and see it there',
    ...(options.stop === undefined ? [] : [`run: ${options.stop}`]),
    'wait again until the other host has everything; refuse otherwise',
    ...(options.move === undefined ? [] : [`run: ${options.move}`]),
    options.lmtp === undefined
      ? 'save the canary here, and read it there (nothing is delivered there without --lmtp)'
      : `deliver the canary by LMTP to ${options.lmtp}, read it there, and see it come back`,
    ...(options.back === undefined ? [] : [`run: ${options.back}`]),
    ...(options.start === undefined ? [] : [`run: ${options.start}`]),
    'remove the canary, and write the report',
  ];
  if (options.json) await terminal.printJson({ ready: verdict.isReady, reasons: verdict.reasons, steps });
  else {
    for (const [index, step] of steps.entries()) await terminal.print(`${index + 1}. ${printable(step)}\n`);
    for (const reason of verdict.reasons) await terminal.print(`not yet: ${printable(reason)}\n`);
    await terminal.print(
      verdict.isReady ? 'it would begin at once\n' : 'it would wait for this, and then refuse\n',
    );
  }
  context.exitWith(verdict.isReady ? exitCodes.ok : exitCodes.behind);
}

async function rehearse(context: CommandContext, options: RehearseOptions): Promise<void> {
  const { terminal, clock } = context;
  checkHooks(options);
  const config = await context.config();
  const channel = channelOf(config, options.channel);
  const { openScene } = await import('@dsyncd/doctor');
  const { Rehearsal } = await import('../rehearsal/rehearse.ts');
  const { writeReport } = await import('../rehearsal/report.ts');
  const interrupt = new AbortController();
  // It stays for the whole run: a second Ctrl-C does not keep us from putting things back.
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!interrupt.signal.aborted) terminal.note(`${signal}: everything is being put back`);
    interrupt.abort(new Error(`interrupted by ${signal}`));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  const scene = openScene({ config, clock, signal: interrupt.signal, version: programVersion() });
  const drainOptions = { ...options, retry: true };
  try {
    const report = await new Rehearsal(
      {
        channel,
        hostname: config.hostname,
        canaryUser: parseUserName(options.canary),
        recipientDelimiter: config.recipientDelimiter,
        lmtpAddress: options.lmtp,
        hooks: options,
        timeoutMs: options.timeout * 1000,
      },
      {
        context,
        scene,
        signal: interrupt.signal,
        drain: () =>
          withReplicator(context, options, (client) =>
            waitForQuiet(context, client, drainOptions, interrupt.signal),
          ),
        health: () => withReplicator(context, options, (client) => healthOf(client, clock.now, options)),
        onStep: async (step) => {
          if (!options.json) await terminal.print(stepText(step));
        },
      },
    ).run();
    const file = await writeReport(options.report ?? join(config.stateDir, 'rehearsals'), report);
    if (options.json) await terminal.printJson({ ...report, file });
    else await terminal.print(summaryText(report, file));
    context.exitWith(exits[report.result]);
  } finally {
    for (const name of signals) process.off(name, onSignal);
    scene.close();
  }
}

const exits = { passed: exitCodes.ok, refused: exitCodes.behind, aborted: 2, 'not put back': 3 } as const;

const stepText = ({ step, ok, seconds, text }: RehearsalStep): string =>
  `${ok ? 'ok    ' : 'FAILED'} ${step} (${seconds} s): ${printable(text)}\n`;

const summaries = {
  passed: 'passed: the other host can take over, and this host is as before',
  refused: 'refused: the replica would lack mail; this host is as before',
  aborted: 'aborted: everything is put back',
  'not put back':
    'NOT everything could be put back: see the lines with FAILED, and run these commands by hand',
} as const;

const summaryText = ({ result, rpoSeconds, rtoSeconds, reasons }: RehearsalReport, file: string): string =>
  [
    ...reasons.map((reason) => `reason: ${printable(reason)}`),
    `RPO ${rpoSeconds ?? '-'} s, RTO ${rtoSeconds ?? '-'} s`,
    summaries[result],
    `report: ${file}`,
    '',
  ].join('\n');
