import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DsyncdError, systemClock } from '@dsyncd/core';
import { ServiceManager } from './service-manager.ts';

/** A program that serves until a signal stops it. */
export interface Daemon {
  /** SIGHUP: reads the configuration again; keeps the present one, and says so in the log, when it has errors. */
  reload(): Promise<void>;
  /** SIGTERM and SIGINT: finishes what cannot wait and ends; after {@link stopMsMax} it is killed, as by a crash. */
  stop(): Promise<void>;
  /** For the watchdog: settles, with or without an error, as long as the program can do its work. */
  answers?(): Promise<unknown>;
}

/** EX_CONFIG: another start fails, too, until somebody has changed something. */
const configExitCode = 78;
/** EX_TEMPFAIL: the cause may pass (a port in use, a full disk); the service manager tries again. */
const temporaryExitCode = 75;
const usageExitCode = 64;
/** A stop takes 10 s at most, even when something that it waits for (a Redis, a disk) never answers. */
const stopMsMax = 9_500;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Version of dsyncd: all its packages have the same. (`dsyncadm` has its own, to start without this package.) */
export const programVersion = (): string => version;

/**
 * Main function of a daemon: command line, signals, exit code.
 * @param defaultConfigFile - where the command line names none
 */
export async function runDaemon(
  name: string,
  usage: string,
  defaultConfigFile: string,
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
    const daemon = await start(values.config ?? defaultConfigFile);
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

/** System errors that somebody must fix before another start can succeed. */
const lastingCodes: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
]);
const lastingSqlite = /^SQLITE_(CORRUPT|NOTADB|READONLY|PERM|AUTH|CANTOPEN)/;

/** Exit status of a program that could not start: 75 where the next try may succeed, else 78. */
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
