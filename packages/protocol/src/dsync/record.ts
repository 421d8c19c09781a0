import { byteText, plainText } from '@dsyncd/core';
import { joinTabs, splitTabs, tabEscape } from '../tab-escape.ts';

/** The values of one record by key; undefined: not given. */
export type Values = Readonly<Record<string, string | undefined>>;

/** Values that are bytes, whatever they say, and stay as they are (see `textOfBytes`); all others are text. */
const byteKeys: ReadonlySet<string> = new Set(['guid', 'key', 'value', 'pop3_uidl']);

const absent = '\u0002';

/**
 * One record as a line without its letter and line feed: values in the order of `keys`, tab-escaped.
 * A lone `\002` stands for "not given", and a value that starts with `\002` gets a second one.
 * Values that are not given are left out at the end.
 */
export function encodeRecord(keys: readonly string[], values: Values): string {
  let last = keys.length - 1;
  while (last >= 0 && values[keys[last] ?? ''] === undefined) last--;
  let line = '';
  for (let index = 0; index <= last; index++) {
    if (index > 0) line += '\t';
    const key = keys[index] ?? '';
    const given = values[key];
    const value = given === undefined || byteKeys.has(key) ? given : byteText(given);
    if (value === undefined) line += absent;
    else line += tabEscape(value.startsWith(absent) ? absent + value : value);
  }
  return line;
}

export function decodeRecord(keys: readonly string[], line: string): Values {
  const values: Record<string, string | undefined> = {};
  const fields = decodeList(line);
  for (let index = 0; index < fields.length && index < keys.length; index++) {
    const field = fields[index];
    const key = keys[index];
    if (key === undefined || field === undefined || field === absent) continue;
    const value = field.startsWith(absent) ? field.slice(1) : field;
    values[key] = byteKeys.has(key) ? value : plainText(value);
  }
  return values;
}

/** A list inside one value is tab-separated and escaped once more. */
export const encodeList = joinTabs;
export const decodeList = (value: string): string[] => (value === '' ? [] : splitTabs(value));
