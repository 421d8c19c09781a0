import { spawn } from 'node:child_process';
import { DsyncdError } from '@dsyncd/core';

/** What the operator has done around the move. Each must end with 0; each may be run again. */
export interface Hooks {
  /** Ends mail services on this host, so that nothing changes here. */
  readonly stop?: string;
  /** The opposite of {@link Hooks.stop}. */
  readonly start?: string;
  /** Moves the address, or the MTA's transport, to the other host. */
  readonly move?: string;
  /** The opposite of {@link Hooks.move}. */
  readonly back?: string;
}

export type HookName = keyof Hooks;

/** Longer than keepalived takes for anything. */
export const hookTimeoutMs = 120_000;

/**
 * Runs a command of the operator by the shell; what it prints goes to stderr.
 * @param signal - sends it SIGTERM; settles when it has ended
 * @throws {DsyncdError} operator when it does not end with 0.
 */
export async function runHook(name: HookName, command: string, signal: AbortSignal): Promise<void> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(hookTimeoutMs)]);
  bounded.throwIfAborted();
  const child = spawn('/bin/sh', ['-c', command], {
    stdio: ['ignore', 2, 2],
    // A group of its own: Ctrl-C reaches us alone, and what the shell has started ends with it.
    detached: true,
    env: { ...process.env, DSYNCD_HOOK: name },
  });
  const onAbort = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  bounded.addEventListener('abort', onAbort, { once: true });
  try {
    const how = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, by) => resolve(code === null ? `by ${by}` : String(code)));
    });
    signal.throwIfAborted();
    if (how === '0') return;
    throw new DsyncdError('DSYNCD_NOT_POSSIBLE', `the command of --${name} ended with ${how}: ${command}`, {
      outcome: 'operator',
      hint: 'what it printed is above',
    });
  } finally {
    bounded.removeEventListener('abort', onAbort);
  }
}
