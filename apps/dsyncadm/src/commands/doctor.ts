import type { ChannelConfig, Config } from '@dsyncd/config';
import { countOf, parseUserName } from '@dsyncd/core';
import type { Result, Severity } from '@dsyncd/doctor';
import type { Command } from 'commander';
import { type CommandContext, interruptible, programVersion } from '../context.ts';
import { notPossible, usageError } from '../errors.ts';
import { addHelpParts, addJsonOption } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import { readTextFile } from '../input/files.ts';
import { printable } from '../output/table.ts';

interface DoctorOptions {
  readonly doveconf?: string;
  readonly channel?: string;
  readonly probe?: string;
  readonly probeTimeout: number;
  readonly json?: boolean;
}

export function registerDoctor(parent: Command, context: CommandContext): void {
  const command = parent
    .command('doctor')
    .summary('find what is wrong with the replication, here and on the other end')
    .description(
      'Check this host and, over each channel, the other one: one line for each check, with what is wrong and what to do. ' +
        'Nothing is changed, but for --probe, which sends a canary mail there and back in a mailbox of its own. What the other end cannot be asked is shown as "not checked": run doctor ' +
        'there, too. Run it as root, or as the user of dsyncd.',
    )
    .option('--channel <name>', 'only this channel; otherwise all of them')
    .option('--doveconf <file>', 'output of `doveconf -n`; otherwise it is run; "-": stdin')
    .option(
      '--probe <user>',
      "deliver, flag, rename, expunge and remove a canary in this user's mail, and see each at the other end",
    )
    .option('--probe-timeout <seconds>', 'how long each change may take to get there', parseWholeNumber, 30);
  addHelpParts(addJsonOption(command), {
    examples: [
      'doctor',
      'doctor --probe canary@example.com',
      'doctor --json --channel offsite --doveconf doveconf.txt',
    ],
    exits: ['config'],
    ownExits: { 1: 'warnings, but no problem', 2: 'a problem was found' },
  });
  command.action((options: DoctorOptions) => examineHost(context, options));
}

async function examineHost(context: CommandContext, options: DoctorOptions): Promise<void> {
  const { terminal, clock } = context;
  const config = await context.config();
  if (config.mailEngine === 'cyrus')
    throw notPossible('doctor does not know mail_engine cyrus', 'use it with builtin and dovecot');
  const channels = channelsOf(config, options.channel);
  const probe =
    options.probe === undefined
      ? undefined
      : { user: parseUserName(options.probe), timeoutMs: options.probeTimeout * 1000 };
  const { doveconfLimits } = await import('@dsyncd/config');
  const { openScene } = await import('@dsyncd/doctor');
  const { examine } = await import('../probe/examine.ts');
  const { doveconf } = options;
  const results: Result[] = [];
  await interruptible(async (signal) => {
    const scene = openScene({
      config,
      clock,
      signal,
      version: programVersion(),
      doveconfText:
        doveconf === undefined
          ? undefined
          : () => readTextFile(doveconf, terminal.stdin, doveconfLimits.textBytesMax),
    });
    try {
      for await (const result of examine(scene, context, { channels, probe })) {
        results.push(result);
        if (!options.json) await terminal.print(resultText(result));
      }
    } finally {
      scene.close();
    }
  });
  const exitCode = worstOf(results) === 'problem' ? 2 : worstOf(results) === 'warning' ? 1 : 0;
  if (options.json) await terminal.printJson({ good: exitCode === 0, checks: results });
  else await terminal.print(summary(results));
  context.exitWith(exitCode);
}

/** The channel of that name, or all of them. @throws a usage error when there is no such channel */
export function channelsOf({ channels }: Config, name: string | undefined): readonly ChannelConfig[] {
  if (name === undefined) return channels;
  const found = channels.filter((channel) => channel.name === name);
  if (found.length > 0) return found;
  throw usageError(
    `there is no channel ${JSON.stringify(name)}`,
    `configured are ${channels.map((channel) => channel.name).join(', ') || 'none'}`,
  );
}

const worstOf = (results: readonly Result[]): Severity =>
  (['problem', 'warning', 'unchecked'] as const).find((severity) =>
    results.some((result) => result.severity === severity),
  ) ?? 'ok';

const titles: Readonly<Record<Severity, string>> = {
  ok: 'ok      ',
  unchecked: '-       ',
  warning: 'warning ',
  problem: 'PROBLEM ',
};

const resultText = ({ check, channel, severity, message, remedy }: Result): string =>
  [
    `${titles[severity]} ${check}${channel === undefined ? '' : ` (${channel})`}: ${message}`,
    ...(remedy === undefined ? [] : [`         ${remedy}`]),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');

function summary(results: readonly Result[]): string {
  const count = (severity: Severity): number =>
    results.filter((result) => result.severity === severity).length;
  const parts = [
    `${count('ok')} ok`,
    countOf(count('warning'), 'warning'),
    countOf(count('problem'), 'problem'),
    `${count('unchecked')} not checked`,
  ];
  return `${parts.join(', ')}\n`;
}
