import type { LogFields, Logger } from '@dsyncd/core';

/** Says that the program serves now; whoever started it waits for this line. */
export const logReady = (logger: Logger, fields: LogFields = {}): void => logger.info(fields, 'ready');

/** Exit status of a program that met a defect of its own (EX_SOFTWARE). */
export const crashExitCode = 70;

/** Logs what nobody caught and ends the program: going on after a defect could lose mail, a restart cannot. */
export function exitOnCrash(logger: Logger): void {
  const crash = (error: unknown): void => {
    logger.error({ error: error instanceof Error ? error : new Error(String(error)) }, 'crashed');
    process.exit(crashExitCode);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}
