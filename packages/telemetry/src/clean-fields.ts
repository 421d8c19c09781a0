import { DsyncdError, type LogFields } from '@dsyncd/core';

/** Names of fields whose value never reaches the log; `password_file` and the like may. */
const secretName =
  /(password|passwd|passphrase|secret|token|authorization|credentials?|cookie|private_?key)$/i;

const textCharsMax = 4096;
const depthMax = 4;
const entriesMax = 100;

/** The fields as they are logged: secrets masked, errors told, everything bounded. */
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

/** An expected error is told by code and hint; a stack is for the unexpected ones only. */
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
