import type { Command, CommanderError } from 'commander';
import { usageError } from './errors.ts';

/** What commander says about a wrong command line, in our words: exit code 64, and a hint with the right help. */
export function commandLineError(error: CommanderError, program: Command, args: readonly string[]): Error {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const help = `\`${[...commandPath(program, args), '--help'].join(' ')}\` shows how it is used`;
  return usageError(
    message,
    suggestion === undefined ? help : `${suggestion.replace(/^\(|\)$/g, '')} ${help}`,
  );
}

/** The names of the command that the arguments start, as far as they name one. */
function commandPath(program: Command, args: readonly string[]): readonly string[] {
  const names = [program.name()];
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((candidate) => candidate.name() === arg);
    if (next === undefined) continue;
    names.push(next.name());
    command = next;
  }
  return names;
}
