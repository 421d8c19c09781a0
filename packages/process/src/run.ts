import { parseArgs } from 'node:util';
import { configFileName } from '@dsyncd/config';
import { DsyncdError, systemClock } from '@dsyncd/core';
import { ServiceManager } from './service-manager.ts';

/** A program that serves until it is told to stop. */
export interface Daemon {
  /** SIGHUP: reads the configuration again; keeps the present one, and says so in the log, when it has errors. */
  reload(): Promise<void>;
  /** SIGTERM and SIGINT: finishes what cannot wait and ends; after {@link stopMsMax} it is cut off, as by a crash. */
  stop(): Promise<void>;
  /** For the watchdog: comes back, with or without an error, as long as the program can do its work. */
  answers?(): Promise<unknown>;
}

/** EX_CONFIG: the service manager need not try again before somebody has changed something. */
const configExitCode = 78;
/** EX_TEMPFAIL: what is in the way may pass (a port in use, a full disk); the service manager tries again. */
const temporaryExitCode = 75;
const usageExitCode = 64;
/** 10 s are promised to whoever stops us, even when something that we wait for (a Redis, a disk) never comes. */
const stopMsMax = 9_500;

/** Main function of a daemon: command line, signals, exit code. */
export async function runDaemon(
  name: string,
  usage: string,
  start: (configFile: string) => Promise<Daemon>,
): Promise<void> {
  try {
    const { values } = parseArgs({
      options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) {
      process.stdout.write(usage);
      return;
    }
    const daemon = await start(configFileName(values.config));
    process.on('SIGHUP', () => void daemon.reload());
    const complain = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
    const manager = new ServiceManager({
      answers: daemon.answers?.bind(daemon),
      complain,
    });
    const stop = (): void => {
      systemClock.after(stopMsMax, () => {
        complain('what still ran was cut off; the next start finds what it left');
        process.exit(0);
      });
      void Promise.all([manager.notifyStopping(), daemon.stop()]).then(() => process.exit(0));
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    await manager.notifyReady();
  } catch (error) {
    endWith(name, error, usage);
  }
}

/** Prints what went wrong and ends the program. */
export function endWith(name: string, error: unknown, usage?: string): never {
  process.stderr.write(`${name}: ${describe(error)}\n`);
  if (isUsageError(error)) {
    if (usage !== undefined) process.stderr.write(usage);
    process.exit(usageExitCode);
  }
  process.exit(startExitCode(error));
}

/** System errors that somebody must mend before another start can do better. */
const lastingCodes: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
]);
const lastingSqlite = /^SQLITE_(CORRUPT|NOTADB|READONLY|PERM|AUTH|CANTOPEN)/;

/** With what a program ends that could not start: 75 where the next try may succeed, else 78. */
export function startExitCode(error: unknown): number {
  if (error instanceof DsyncdError) return error.outcome === 'operator' ? configExitCode : temporaryExitCode;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string' || !/^(E[A-Z0-9]+|SQLITE_[A-Z_]+)$/.test(code)) return configExitCode;
  return lastingCodes.has(code) || lastingSqlite.test(code) ? configExitCode : temporaryExitCode;
}

const isUsageError = (error: unknown): boolean =>
  error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');

const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error instanceof DsyncdError && error.hint !== undefined
    ? `${error.message}\n(${error.hint})`
    : error.message;
};
