import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addHelpParts, addJsonOption } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import {
  addPairOptions,
  addRootOption,
  type PairOptions,
  type PlaceOptions,
  pairPort,
} from '../pair/options.ts';
import type { InitOptions } from '../pair/run.ts';

const pairExits = ['behind', 'notPossible', 'needsPerson', 'temporary', 'protocol', 'permission'] as const;

/** `-c` is where the configuration goes. */
const configOption = (command: Command): string | undefined =>
  command.optsWithGlobals<{ readonly config?: string }>().config;

export function registerPairInit(parent: Command, context: CommandContext): void {
  const command = parent
    .command('init')
    .summary('begin on the first host: print a code for the other one, and wait for it')
    .description(
      'Begin a pair on the first host: print a code that is good once, and wait for the other host. Over the connection, which only ' +
        'the host with the code gets, both agree on a secret and on certificates of an authority of their own; the private key of a host never ' +
        'leaves it. The plan is shown before anything is written, and nothing that exists is overwritten.',
    )
    .option(
      '--pair-port <port>',
      'where to wait for the other host; 0 takes one that is free',
      parseWholeNumber,
      pairPort,
    )
    .option('--pair-address <address>', 'on which address to wait', '0.0.0.0')
    .option('--valid <seconds>', 'how long the code is good', parseWholeNumber, 900);
  addHelpParts(addPairOptions(command), {
    examples: [
      'pair init',
      'pair init --yes --hostname mx1.example.com --probe anna@example.com',
      'pair init --dry-run',
    ],
    exits: pairExits,
  });
  command.action(async (options: InitOptions) => {
    const { runInit } = await import('../pair/run.ts');
    await runInit(context, configOption(command), options);
  });
}

export function registerPairJoin(parent: Command, context: CommandContext): void {
  const command = parent
    .command('join')
    .summary('join on the second host, with the code that the first one printed')
    .description(
      'Join the pair on the second host. The code comes from the prompt, from standard input, from $DSYNCD_PAIR_CODE, or as an argument, ' +
        'which other users of this host can see while the command runs. Nothing is sent to a host that is not the one that printed the code.',
    )
    .argument('<host>', `the first host: HOST, HOST:PORT or [IPV6]:PORT; port ${pairPort} when left out`)
    .argument('[code]', 'the code');
  addHelpParts(addPairOptions(command), {
    examples: [
      'pair join mx1.example.com',
      'pair join mx1.example.com --yes < code.txt',
      'pair join mx1.example.com --dry-run',
    ],
    exits: pairExits,
  });
  command.action(async (target: string, code: string | undefined, options: PairOptions) => {
    const { runJoin } = await import('../pair/run.ts');
    await runJoin(context, configOption(command), {
      ...options,
      target,
      code: code ?? process.env.DSYNCD_PAIR_CODE,
    });
  });
}

interface UndoOptions extends PlaceOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function registerPairUndo(parent: Command, context: CommandContext): void {
  const command = addRootOption(
    parent
      .command('undo')
      .summary('take back what a pairing made on this host')
      .description(
        'Take back what `pair init` or `pair join` made on this host: stop and disable the programs that it started, and remove the files ' +
          'that are as it wrote them. What was changed since stays, and so does all mail. Works after a pairing that was cut, too.',
      )
      .option('-y, --yes', 'ask nothing'),
  );
  addHelpParts(addJsonOption(command), {
    examples: ['pair undo', 'pair undo --yes --json'],
    exits: ['notPossible', 'needsPerson', 'temporary', 'permission'],
  });
  command.action(async (options: UndoOptions) => {
    const { runUndo } = await import('../pair/run.ts');
    await runUndo(context, configOption(command), options);
  });
}
