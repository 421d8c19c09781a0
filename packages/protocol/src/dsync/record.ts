import {
  byteText,
  byteTextLength,
  DsyncdError,
  isMailboxGuid,
  limits,
  type MailboxGuid,
  type ModSeq,
  plainText,
  quote,
  type Uid,
  uint32Max,
} from '@dsyncd/core';
import { joinTabs, splitTabs, tabEscape } from '../lines.ts';

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

/** Reads the fields of one record; every number, GUID and name from the wire passes through here. */
export class Fields {
  readonly #values: Values;
  readonly #type: string;

  constructor(type: string, values: Values) {
    this.#type = type;
    this.#values = values;
  }

  bad(key: string): never {
    const value = this.#values[key];
    const problem = value === undefined ? 'is missing' : `has the value ${quote(value)}`;
    throw new DsyncdError('DSYNCD_PROTOCOL', `peer sent a ${this.#type} record whose ${key} ${problem}`, {
      outcome: 'transient',
      hint: 'check that the peer is a Dovecot 2.3 or 2.4 or a dsyncd, and check its log',
    });
  }

  text(key: string, bytesMax: number): string | undefined {
    const value = this.#values[key];
    if (value !== undefined && (value.length > bytesMax || byteTextLength(value) > bytesMax)) this.bad(key);
    return value;
  }

  requiredText(key: string, bytesMax: number): string {
    return this.text(key, bytesMax) ?? this.bad(key);
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined;
  }

  integer(key: string, max: number): number | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    if (!/^[0-9]{1,16}$/.test(value)) this.bad(key);
    const number = Number(value);
    if (number > max) this.bad(key);
    return number;
  }

  uint32(key: string): number {
    return this.integer(key, uint32Max) ?? this.bad(key);
  }

  uid(key: string): Uid {
    return this.uint32(key) as Uid;
  }

  modSeq(key: string): ModSeq {
    return (this.integer(key, Number.MAX_SAFE_INTEGER) ?? 0) as ModSeq;
  }

  seconds(key: string): number {
    return Math.max(0, this.date(key) ?? 0);
  }

  /**
   * Unix seconds, negative before 1970: with a sign, or as the unsigned number of 64 bits that a Dovecot makes of it. A
   * date beyond what can be shown is no reason to refuse what it belongs to.
   */
  date(key: string): number | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    return /^-?[0-9]{1,20}$/.test(value) ? shownDate(BigInt(value)) : this.bad(key);
  }

  /** As {@link date}, in hexadecimal digits. */
  hexDate(key: string): number | undefined {
    const [, sign, digits] = /^(-?)([0-9a-f]{1,16})$/.exec(this.#values[key] ?? '') ?? [];
    if (digits === undefined) return this.has(key) ? this.bad(key) : undefined;
    const seconds = BigInt(`0x${digits}`);
    return shownDate(sign === '-' ? -seconds : seconds);
  }

  flags(key: string): number {
    const value = this.#values[key];
    if (value === undefined) return 0;
    if (!/^[0-9a-f]{1,2}$/.test(value)) this.bad(key);
    // Bits above those of the five flags are Dovecot's own and not replicated by us.
    return Number.parseInt(value, 16) & 0x1f;
  }

  mailboxGuid(key: string): MailboxGuid | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    return isMailboxGuid(value) ? value : this.bad(key);
  }

  requiredMailboxGuid(key: string): MailboxGuid {
    return this.mailboxGuid(key) ?? this.bad(key);
  }

  list(key: string): string[] {
    const value = this.#values[key];
    return value === undefined ? [] : decodeList(value);
  }
}

const shownDate = (seconds: bigint): number =>
  Math.max(limits.unixSecondsMin, Math.min(limits.unixSecondsMax, Number(BigInt.asIntN(64, seconds))));
