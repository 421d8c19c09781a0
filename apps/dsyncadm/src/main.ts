#!/usr/bin/env node
import { CommanderError } from 'commander';
import { createContext, programVersion } from './context.ts';
import { commandLineError, errorText } from './errors.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { isClosedPipe, processTerminal } from './output/terminal.ts';
import { createProgram, registerCommands } from './program.ts';

async function run(args: readonly string[]): Promise<number> {
  const terminal = processTerminal(process);
  const program = createProgram(programVersion());
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
    const shown = error instanceof CommanderError ? commandLineError(error, program, args) : error;
    terminal.progress('');
    process.stderr.write(errorText(shown, process.env.DSYNCD_DEBUG === '1'));
    return exitCodeOf(shown);
  } finally {
    await context.close();
  }
}

process.exitCode = await run(process.argv.slice(2));
