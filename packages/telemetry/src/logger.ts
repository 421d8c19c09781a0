import { DsyncdError, type LogFields, type Logger } from '@dsyncd/core';
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { isJournal, journalLines } from './journal.ts';

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
 * that goes away does not end the program. In the journal of systemd they have their priority instead of time, program and process, which
 * journald notes by itself.
 */
export function createLogger({ program, level, destination: given }: LoggerOptions): ProgramLogger {
  const threshold = { least: severity[level] };
  const isJournaled = given === undefined && isJournal(2);
  const file = given ?? destination({ fd: 2, sync: true });
  const root = pino(
    {
      level: 'debug',
      base: isJournaled ? {} : { program, pid: process.pid },
      timestamp: isJournaled ? false : stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    isJournaled ? journalLines(file) : file,
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

/** Names of fields whose value never reaches the log; `password_file` and the like may. */
const secretName =
  /(password|passwd|passphrase|secret|token|authorization|credentials?|cookie|private_?key)$/i;

const textCharsMax = 4096;
const depthMax = 4;
const entriesMax = 100;

/** The fields as they are logged: secrets masked, errors described, everything bounded. */
export const cleanFields = (fields: LogFields): Record<string, unknown> => cleanEntries(fields, 0);

function cleanEntries(value: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value).slice(0, entriesMax))
    result[key] = secretName.test(key) && entry !== undefined ? '[redacted]' : clean(entry, depth + 1);
  return result;
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (depth > depthMax) return '[…]';
  if (Array.isArray(value)) return value.slice(0, entriesMax).map((entry) => clean(entry, depth + 1));
  return cleanEntries(value, depth);
}

/** An expected error is logged with code and hint; a stack is for the unexpected ones only. */
export function describeError(error: Error, depth = 0): Record<string, unknown> {
  const cause =
    depth < depthMax && error.cause instanceof Error ? describeError(error.cause, depth + 1) : undefined;
  if (error instanceof DsyncdError)
    return {
      code: error.code,
      message: cut(error.message),
      outcome: error.outcome,
      hint: error.hint === undefined ? undefined : cut(error.hint),
      // The stack of a cause says where, which the message has said already.
      cause: cause === undefined ? undefined : { ...cause, stack: undefined },
    };
  return {
    name: error.name,
    message: cut(error.message),
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    stack: error.stack === undefined ? undefined : cut(error.stack),
    cause,
  };
}

const cut = (text: string): string => (text.length > textCharsMax ? `${text.slice(0, textCharsMax)}…` : text);

/** Logs that the program serves now; a supervisor may wait for this line. */
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
