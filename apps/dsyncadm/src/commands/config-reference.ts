import type { Command } from 'commander';
import { addHelpParts } from '../command-help.ts';
import { commandReference } from '../command-reference.ts';
import type { CommandContext } from '../context.ts';

interface Options {
  readonly commands?: boolean;
}

export function registerConfigReference(parent: Command, context: CommandContext): void {
  const command = parent
    .command('reference')
    .summary('print every setting with its meaning')
    .description(
      'Print every setting with its type, default and meaning, as Markdown. Needs no configuration.',
    )
    .option('--commands', 'print the help of every command as well');
  addHelpParts(command, {
    examples: ['config reference | less', 'config reference --commands > reference.md'],
  });
  command.action(async (options: Options) => {
    const { referenceText } = await import('@dsyncd/config');
    await context.terminal.print(referenceText());
    if (options.commands) await context.terminal.print(`\n${commandReference(rootOf(command))}`);
  });
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent));
