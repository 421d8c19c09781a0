import { countOf } from '@dsyncd/core';
import type { Command } from 'commander';
import { addHelpParts, addJsonOption } from '../command-help.ts';
import type { ConfigFinding } from '../config-check.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

interface Options {
  readonly json?: boolean;
}

export function registerConfigCheck(parent: Command, context: CommandContext): void {
  const command = parent
    .command('check')
    .summary('check the configuration')
    .description(
      'Check the configuration and what it names: secrets, certificates, folders. Run it as the user that ' +
        'the services run as.',
    );
  addHelpParts(addJsonOption(command), {
    examples: ['config check', 'config check -c ./dsyncd.toml'],
    exits: ['config'],
  });
  command.action((options: Options) => checkConfig(context, options));
}

async function checkConfig(context: CommandContext, options: Options): Promise<void> {
  const { terminal } = context;
  const config = await context.config();
  const { checkSurroundings } = await import('../config-check.ts');
  const findings = await checkSurroundings(config);
  const errorCount = findings.filter(({ severity }) => severity === 'error').length;
  if (options.json) await terminal.printJson({ file: config.file, good: errorCount === 0, findings });
  else {
    await terminal.print(findings.map(findingText).join(''));
    const channels = config.channels.map(({ name, mailReplica }) => `${name} to ${mailReplica}`);
    if (errorCount > 0) await terminal.print(`${config.file}: ${countOf(errorCount, 'error')}\n`);
    else await terminal.print(`${config.file} is good; channels: ${channels.join(', ') || 'none'}\n`);
  }
  context.exitWith(errorCount === 0 ? exitCodes.ok : exitCodes.config);
}

const findingText = ({ severity, message, hint }: ConfigFinding): string =>
  `${severity}: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`;
