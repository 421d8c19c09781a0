/**
 * The numbers and names that must never be mixed up, as branded types: passing a ModSeq where a
 * Uid is wanted does not compile.
 */

import { fail } from './error.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A user name that {@link parseUserName} accepted. */
export type UserName = Brand<string, 'UserName'>;
/** IMAP UID of a mail in one mailbox; 1 to 2^32 - 1. 0 stands for "none" where a field allows it. */
export type Uid = Brand<number, 'Uid'>;
/** IMAP UIDVALIDITY of a mailbox; 1 to 2^32 - 1. */
export type UidValidity = Brand<number, 'UidValidity'>;
/** Modification sequence of a mailbox or mail; 0 to 2^53 - 1 (RFC 7162 allows 2^63 - 1; no real mailbox gets near either). */
export type ModSeq = Brand<number, 'ModSeq'>;
/** A mailbox's GUID: 32 lower-case hexadecimal digits. */
export type MailboxGuid = Brand<string, 'MailboxGuid'>;
/** A mail's GUID. Ours have 32 hexadecimal digits; Dovecot's Maildir ones are the base file name, so any bytes but control characters, as `textOfBytes` writes them. */
export type MailGuid = Brand<string, 'MailGuid'>;

export const uint32Max = 0xffff_ffff;

const isUint32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= uint32Max;

export function asUid(value: number): Uid {
  if (!isUint32(value)) fail(`UID out of range: ${value}`);
  return value as Uid;
}

export function asUidValidity(value: number): UidValidity {
  if (!isUint32(value)) fail(`UIDVALIDITY out of range: ${value}`);
  return value as UidValidity;
}

export function asModSeq(value: number): ModSeq {
  if (!Number.isSafeInteger(value) || value < 0) fail(`modseq out of range: ${value}`);
  return value as ModSeq;
}

export function asMailboxGuid(value: string): MailboxGuid {
  if (!isMailboxGuid(value)) fail(`not a mailbox GUID: ${JSON.stringify(value.slice(0, 64))}`);
  return value;
}

export const isMailboxGuid = (value: string): value is MailboxGuid => /^[0-9a-f]{32}$/.test(value);

export function asMailGuid(value: string): MailGuid {
  if (!isMailGuid(value)) fail(`not a mail GUID: ${JSON.stringify(value.slice(0, 64))}`);
  return value;
}

export const isMailGuid = (value: string): value is MailGuid =>
  value.length > 0 && value.length <= 255 && !/[\u0000-\u001f\u007f]/.test(value);
