import { Argument, type Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addHelpParts } from '../exit-codes.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

export function registerCompletion(parent: Command, context: CommandContext): void {
  const command = parent
    .command('completion')
    .summary('print a script that completes command lines')
    .description(
      'Print a script that completes commands, options and their values in bash, zsh or fish. The packages install ' +
        'these scripts. Needs no configuration.',
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(shells));
  addHelpParts(command, {
    examples: [
      'completion bash > /etc/bash_completion.d/dsyncadm',
      'completion zsh > /usr/local/share/zsh/site-functions/_dsyncadm',
      'completion fish > /etc/fish/completions/dsyncadm.fish',
    ],
  });
  command.action(async (shell: Shell) => {
    const { commandWords } = await import('../completion/words.ts');
    const script = await scriptOf(shell);
    await context.terminal.print(script(commandWords(parent)));
  });
}

async function scriptOf(shell: Shell) {
  if (shell === 'bash') return (await import('../completion/bash.ts')).bashScript;
  if (shell === 'zsh') return (await import('../completion/zsh.ts')).zshScript;
  return (await import('../completion/fish.ts')).fishScript;
}
