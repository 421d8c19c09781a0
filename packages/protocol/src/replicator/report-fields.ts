/** The fields of a report line: a name, then `key=value` in any order. */
import { DsyncdError, quote } from '@dsyncd/core';

/** Longest reason or hint in a report; with two of them a line stays well below `limits.lineBytesMax`. */
export const reportTextCharsMax = 1000;

/** The field, or none: missing and undefined are not the same to who takes it. */
export const optional = <Key extends string>(
  key: Key,
  value: number | undefined,
): { readonly [key in Key]?: number } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [key in Key]?: number };

/** `key=value` for each value that is there; zeros are left out, as missing means 0. */
export function pairs(values: Readonly<Record<string, string | number | undefined>>): string[] {
  const fields: string[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === 0) continue;
    // Instants may be fractions of a millisecond; the receiver takes whole numbers only.
    const text = typeof value === 'number' ? String(Math.round(value)) : value.slice(0, reportTextCharsMax);
    fields.push(`${key}=${text}`);
  }
  return fields;
}

interface ReportValues {
  text(key: string): string | undefined;
  number(key: string): number | undefined;
  count(key: string): number;
  /** The first allowed value stands for a missing key. */
  oneOf<Value extends string>(key: string, allowed: readonly [Value, ...Value[]]): Value;
}

/** @throws {DsyncdError} `DSYNCD_REPLICATOR_ANSWER` when the fields are no report; the values throw it for what they are not. */
export function readReport(fields: readonly string[]): {
  readonly name: string;
  readonly values: ReportValues;
} {
  const [name, ...rest] = fields;
  if (!name) throw badAnswer('a report without a name');
  const values = new Map<string, string>();
  for (const field of rest) {
    const equals = field.indexOf('=');
    if (equals > 0) values.set(field.slice(0, equals), field.slice(equals + 1));
  }
  const number = (key: string): number | undefined => {
    const value = values.get(key);
    if (value === undefined) return undefined;
    if (!/^\d{1,15}$/.test(value))
      throw badAnswer(`${key} of ${quote(name)} is ${quote(value)}, not a number`);
    return Number(value);
  };
  return {
    name,
    values: {
      text: (key) => values.get(key),
      number,
      count: (key) => number(key) ?? 0,
      oneOf: (key, allowed) => {
        const value = values.get(key);
        if (value === undefined) return allowed[0];
        const found = allowed.find((candidate) => candidate === value);
        if (found === undefined)
          throw badAnswer(`${key} of ${quote(name)} is ${quote(value)}, not one of ${allowed.join(', ')}`);
        return found;
      },
    },
  };
}

const badAnswer = (what: string): DsyncdError =>
  new DsyncdError('DSYNCD_REPLICATOR_ANSWER', `the replicator answered with ${what}`, {
    outcome: 'operator',
    hint: 'dsyncadm and dsyncd are of different versions: restart dsyncd after an upgrade',
  });
