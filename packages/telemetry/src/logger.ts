import type { LogFields, Logger } from '@dsyncd/core';
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { cleanFields } from './clean-fields.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const severity: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface ProgramLogger extends Logger {
  /** Takes effect at once, also for children. */
  setLevel(level: LogLevel): void;
}

export interface LoggerOptions {
  /** Name of the program, in each line. */
  readonly program: string;
  readonly level: LogLevel;
  /** Where lines go; default standard error. */
  readonly destination?: DestinationStream;
}

/**
 * A log of JSON lines: `{"level":"info","time":"2026-01-02T03:04:05.678Z","program":"dsyncd","pid":1,...,"msg":"ready"}`.
 *
 * Lines are written at once, not buffered, so that the last ones before a crash are there. A reader
 * that goes away does not end the program.
 */
export function createLogger({ program, level, destination: given }: LoggerOptions): ProgramLogger {
  const threshold = { least: severity[level] };
  const stream = given ?? destination({ fd: 2, sync: true });
  const root = pino(
    {
      level: 'debug',
      base: { program, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return Object.assign(adapt(root, threshold), {
    setLevel: (next: LogLevel) => {
      threshold.least = severity[next];
    },
  });
}

function adapt(target: PinoLogger, threshold: { readonly least: number }): Logger {
  const write =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void => {
      if (severity[level] >= threshold.least) target[level](cleanFields(fields), message);
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => adapt(target.child(cleanFields(fields)), threshold),
  };
}
