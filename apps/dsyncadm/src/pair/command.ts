import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DsyncdError } from '@dsyncd/core';

const run = promisify(execFile);
const commandMsMax = 120_000;

/** Runs a program of the system; answers what it prints. @throws {DsyncdError} `DSYNCD_SYSTEM` with its words */
export async function command(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, { timeout: commandMsMax })).stdout;
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    const reason = stderr === '' ? String(error) : stderr;
    throw new DsyncdError('DSYNCD_SYSTEM', `${[program, ...args].join(' ')}: ${reason}`, {
      outcome: 'transient',
      cause: error,
    });
  }
}
