import type { ErrorCode } from './error-catalogue.ts';
import type { FailureKind } from './sync.ts';

/**
 * An expected failure, described so that an operator can act on it.
 *
 * `code` is stable, and in the error catalogue, `message` says what failed and on what, `hint`
 * what to do about it. `outcome` is the retry class: what a sync that died of this error counts as.
 */
export class DsyncdError extends Error {
  readonly code: ErrorCode;
  readonly outcome: FailureKind;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: DsyncdErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DsyncdError';
    this.code = code;
    this.outcome = options.outcome;
    this.hint = options.hint;
  }
}

export interface DsyncdErrorOptions {
  readonly outcome: FailureKind;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A broken promise of our own code: stops that one sync, never "continue". */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvariantError';
  }
}

export function fail(message: string): never {
  throw new InvariantError(message);
}

/** The error as a {@link DsyncdError}; what is not one already becomes `fallback`. */
export function toDsyncdError(
  error: unknown,
  fallback: { code: ErrorCode; outcome: FailureKind },
): DsyncdError {
  if (error instanceof DsyncdError) return error;
  const message = messageOf(error);
  const hint = systemErrorHint(error);
  return new DsyncdError(fallback.code, message, {
    outcome: systemErrorOutcome(error) ?? fallback.outcome,
    hint,
    cause: error,
  });
}

/** What an error says, whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The code of an error of the system, Node or SQLite, such as `ENOENT`; empty when it has none. */
export const systemCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';

const systemErrorHints: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free space, the sync is then repeated by itself',
  SQLITE_FULL: 'the disk is full: free space, the sync is then repeated by itself',
  EDQUOT: 'the disk quota is used up: raise it or free space',
  EACCES: 'check the owner and the mode of the file, and the user that the service runs as',
  EPERM: 'check the owner and the mode of the file, and the user that the service runs as',
  EROFS: 'the file system is read-only: mount it writable',
  EMFILE: 'too many open files: raise LimitNOFILE of the service',
  SQLITE_CORRUPT: 'the database file is damaged: move it away, it is rebuilt',
  SQLITE_NOTADB: 'the database file is damaged: move it away, it is rebuilt',
};

export const systemErrorHint = (error: unknown): string | undefined => {
  return systemErrorHints[systemCode(error)];
};

/** EACCES and the like need a person; the rest is left to the caller. */
const systemErrorOutcome = (error: unknown): FailureKind | undefined => {
  const code = systemCode(error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'operator';
  if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') return 'operator';
  if (code === 'ENOSPC' || code === 'SQLITE_FULL' || code === 'EDQUOT') return 'transient';
  return undefined;
};
