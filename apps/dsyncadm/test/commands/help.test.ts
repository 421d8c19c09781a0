import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createContext } from '../../src/context.ts';
import { processTerminal } from '../../src/output/terminal.ts';
import { createProgram, registerCommands } from '../../src/program.ts';
import { dsyncadm } from '../dsyncadm.ts';

const program = createProgram('0');
registerCommands(
  program,
  createContext({ terminal: processTerminal(process), configOption: () => undefined }),
);

const leaves = (command: Command, path: readonly string[]): (readonly [string, Command])[] =>
  command.commands.length === 0
    ? [[path.join(' '), command]]
    : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));

const helpOf = (command: Command): string => {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
};

describe('help', () => {
  it.each(leaves(program, []))('of %s has an example of itself and its exit codes', (name, command) => {
    const help = helpOf(command);
    expect(help).toContain(`Examples:\n  dsyncadm ${name}`);
    expect(help).toMatch(/Exit codes:\n {3}0 {2}done\n/);
    expect(help).toContain('64  the command line is wrong');
    expect(command.summary()).not.toBe('');
  });

  it('goes to stdout with 0 when asked for, to stderr with 64 when a command is missing', async () => {
    const asked = await dsyncadm(['mail', '--help']);
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout).toContain('save [options] [file]');
    const missing = await dsyncadm(['mail']);
    expect(missing).toMatchObject({ code: 64, stdout: '' });
    expect(missing.stderr).toContain('Usage: dsyncadm mail');
  });

  it('prints the version', async () => expect((await dsyncadm(['-V'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/));

  it('suggests the command that was meant', async () =>
    expect((await dsyncadm(['replicatr', 'status'])).stderr).toContain('Did you mean replicator?'));
});
