#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { commandLineError } from './command-line-error.ts';
import { createContext } from './context.ts';
import { errorText } from './errors.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { isClosedPipe, processTerminal } from './output/terminal.ts';
import { createProgram, registerCommands } from './program.ts';

async function run(args: readonly string[]): Promise<number> {
  const terminal = processTerminal(process);
  const program = createProgram(version());
  const context = createContext({ terminal, configOption: () => program.opts<{ config?: string }>().config });
  registerCommands(program, context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    // Without a command the help was printed: that says more than an error.
    if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
    // `dsyncadm mail list ... | head` ends like this.
    if (isClosedPipe(error)) return exitCodes.ok;
    const told = error instanceof CommanderError ? commandLineError(error, program, args) : error;
    terminal.progress('');
    process.stderr.write(errorText(told, process.env.DSYNCD_DEBUG === '1'));
    return exitCodeOf(told);
  } finally {
    await context.close();
  }
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

process.exitCode = await run(process.argv.slice(2));
