import { createHash } from 'node:crypto';
import type { MailGuid, Uid } from '@dsyncd/core';

/** What two hosts must agree on about a mail. Modseqs and instants of saving are each host's own. */
export interface MailSummary {
  readonly uid: Uid;
  readonly guid: MailGuid;
  /** Bits of the system flags, as the mail store has them. */
  readonly flags: number;
  /** In any order. */
  readonly keywords: readonly string[];
}

export interface Digest {
  readonly count: number;
  /** 32 hex digits. */
  readonly sum: string;
}

const modulus = 1n << 128n;

/**
 * One number of many mails: the sum of their hashes modulo 2^128. It does not depend on the order, and a mail that comes, goes or
 * changes costs one addition or subtraction, whatever else there is. Against errors, not against forgers: who may write mail
 * can make two sets of equal sum with some effort.
 */
export class DigestSum {
  #count = 0;
  #sum = 0n;

  add(mail: MailSummary): void {
    this.#count++;
    this.#sum = (this.#sum + hashOf(mail)) % modulus;
  }

  remove(mail: MailSummary): void {
    this.#count--;
    this.#sum = (this.#sum + modulus - hashOf(mail)) % modulus;
  }

  get digest(): Digest {
    return { count: this.#count, sum: this.#sum.toString(16).padStart(32, '0') };
  }
}

export function digestOf(mails: Iterable<MailSummary>): Digest {
  const sum = new DigestSum();
  for (const mail of mails) sum.add(mail);
  return sum.digest;
}

export const isEqualDigest = (one: Digest, other: Digest): boolean =>
  one.count === other.count && one.sum === other.sum;

/** In the form in which two sets are compared. Keywords differ by case only for a person: IMAP takes them as one. */
export const comparableKeywords = ({ keywords }: Pick<MailSummary, 'keywords'>): readonly string[] =>
  keywords.map((keyword) => keyword.toLowerCase()).sort();

function hashOf(mail: MailSummary): bigint {
  const text = JSON.stringify([mail.uid, mail.guid, mail.flags, comparableKeywords(mail)]);
  return BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 32)}`);
}
