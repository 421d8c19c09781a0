/** The mails, expunge records, attributes and counters of one mailbox in memory. */

import {
  asModSeq,
  asUid,
  keywordKey,
  type MailboxGuid,
  type MailGuid,
  type ModSeq,
  type Uid,
  type UidValidity,
  uint32Max,
} from '@dsyncd/core';
import { limitError, stageGoneError, uidsExhaustedError } from '../errors.ts';
import type { ExpungeRecord, MailboxAttribute, MailboxStatus, MailRecord, StagedBody } from '../port.ts';
import { SizeCounter } from '../store-rules.ts';

export interface MemoryMail {
  readonly record: MailRecord;
  readonly body: MemoryBody;
  /** `lost`: gone without anyone knowing; `known-lost`: gone, and reported by `lostBodies`. */
  readonly bodyState: 'there' | 'lost' | 'known-lost';
}

/**
 * Every mutator notes how to undo itself, so that a transaction that fails half way leaves nothing.
 * UIDs only go up, so `#uids` stays sorted by appending.
 */
export class MemoryMails {
  readonly guid: MailboxGuid;
  readonly uidValidity: UidValidity;
  readonly #mails = new Map<number, MemoryMail>();
  #uids: number[] = [];
  readonly #expunges = new Map<number, ExpungeRecord>();
  readonly #attributes = new Map<string, MailboxAttribute>();
  readonly #uidsOfGuid = new Map<MailGuid, Set<number>>();
  #uidNext = 1;
  #highestModSeq = 1;
  #firstRecentUid = 1;
  #undo: (() => void)[] | undefined;

  constructor(
    identity: { readonly guid: MailboxGuid; readonly uidValidity: UidValidity },
    from?: MemoryMails,
  ) {
    this.guid = identity.guid;
    this.uidValidity = identity.uidValidity;
    if (from === undefined) return;
    for (const mail of from.#mails.values()) this.put(mail);
    for (const [uid, record] of from.#expunges) this.#expunges.set(uid, record);
    for (const [key, attribute] of from.#attributes) this.#attributes.set(key, attribute);
    this.#uidNext = from.#uidNext;
    this.#highestModSeq = from.#highestModSeq;
    this.#firstRecentUid = from.#firstRecentUid;
  }

  status(): MailboxStatus {
    return {
      guid: this.guid,
      uidValidity: this.uidValidity,
      uidNext: asUid(this.#uidNext),
      messagesCount: this.#mails.size,
      firstRecentUid: asUid(this.#firstRecentUid),
      highestModSeq: asModSeq(this.#highestModSeq),
    };
  }

  /** Runs `work` whole or not at all. */
  transaction<T>(work: () => T): T {
    const undo: (() => void)[] = [];
    const counters = { uidNext: this.#uidNext, modSeq: this.#highestModSeq, recent: this.#firstRecentUid };
    this.#undo = undo;
    try {
      return work();
    } catch (error) {
      this.#undo = undefined;
      for (const step of undo.reverse()) step();
      this.#uidNext = counters.uidNext;
      this.#highestModSeq = counters.modSeq;
      this.#firstRecentUid = counters.recent;
      throw error;
    } finally {
      this.#undo = undefined;
    }
  }

  onUndo(step: () => void): void {
    this.#undo?.push(step);
  }

  nextModSeq(): ModSeq {
    this.#highestModSeq++;
    return asModSeq(this.#highestModSeq);
  }

  /** The UID that a save gets which wants `wanted`; it is taken with this. */
  takeUid(wanted: Uid | undefined): Uid {
    const uid = Math.max(wanted ?? 0, this.#uidNext);
    if (uid >= uint32Max) throw uidsExhaustedError(this.guid);
    this.#uidNext = uid + 1;
    return asUid(uid);
  }

  raise(to: {
    readonly uidNext?: number | undefined;
    readonly highestModSeq?: number | undefined;
    readonly firstRecentUid?: number | undefined;
  }): boolean {
    const before = [this.#uidNext, this.#highestModSeq, this.#firstRecentUid];
    this.#uidNext = Math.max(this.#uidNext, to.uidNext ?? 0);
    this.#highestModSeq = Math.max(this.#highestModSeq, to.highestModSeq ?? 0);
    this.#firstRecentUid = Math.max(this.#firstRecentUid, to.firstRecentUid ?? 0);
    return before.join() !== [this.#uidNext, this.#highestModSeq, this.#firstRecentUid].join();
  }

  get(uid: number): MemoryMail | undefined {
    return this.#mails.get(uid);
  }

  get count(): number {
    return this.#mails.size;
  }

  /** Adds a mail above every other, or replaces the one with its UID. */
  put(mail: MemoryMail): void {
    const { uid, guid } = mail.record;
    const old = this.#mails.get(uid);
    this.#mails.set(uid, mail);
    if (old === undefined) {
      if ((this.#uids.at(-1) ?? 0) < uid) this.#uids.push(uid);
      else this.#uids.splice(this.#indexFrom(uid), 0, uid);
      const sameGuid = this.#uidsOfGuid.get(guid) ?? new Set();
      this.#uidsOfGuid.set(guid, sameGuid.add(uid));
    }
    this.onUndo(() => (old === undefined ? this.#forget(mail) : this.put(old)));
  }

  remove(mail: MemoryMail, modSeq: ModSeq): void {
    this.#forget(mail);
    this.onUndo(() => this.put(mail));
    this.addExpunge({ uid: mail.record.uid, guid: mail.record.guid, modSeq });
  }

  addExpunge(record: ExpungeRecord): void {
    this.#expunges.set(record.uid, record);
    this.onUndo(() => this.#expunges.delete(record.uid));
  }

  expungeOf(uid: number): ExpungeRecord | undefined {
    return this.#expunges.get(uid);
  }

  /** Sorted by UID, those above `afterUid`. */
  expunges(afterModSeq: number, afterUid: number): readonly ExpungeRecord[] {
    return [...this.#expunges.values()]
      .filter((record) => record.modSeq > afterModSeq && record.uid > afterUid)
      .sort((a, b) => a.uid - b.uid);
  }

  /** By UID, from `fromUid` on. */
  *mailsFrom(fromUid: number): Generator<MemoryMail> {
    for (let index = this.#indexFrom(fromUid); index < this.#uids.length; index++) {
      const mail = this.#mails.get(this.#uids[index] ?? 0);
      if (mail !== undefined) yield mail;
    }
  }

  mailsOfGuid(guid: MailGuid): readonly MemoryMail[] {
    return [...(this.#uidsOfGuid.get(guid) ?? [])].flatMap((uid) => this.#mails.get(uid) ?? []);
  }

  attribute(type: string, key: string): MailboxAttribute | undefined {
    return this.#attributes.get(`${type} ${key}`);
  }

  setAttribute(attribute: MailboxAttribute): void {
    const key = `${attribute.type} ${attribute.key}`;
    const old = this.#attributes.get(key);
    this.#attributes.set(key, attribute);
    this.onUndo(() => (old === undefined ? this.#attributes.delete(key) : this.#attributes.set(key, old)));
  }

  attributes(afterModSeq: number): readonly MailboxAttribute[] {
    return [...this.#attributes.values()].filter((attribute) => attribute.modSeq > afterModSeq);
  }

  keywordsInUse(): ReadonlySet<string> {
    const keywords = new Set<string>();
    for (const mail of this.#mails.values())
      for (const word of mail.record.keywords) keywords.add(keywordKey(word));
    return keywords;
  }

  #forget(mail: MemoryMail): void {
    const { uid, guid } = mail.record;
    this.#mails.delete(uid);
    this.#uids.splice(this.#indexFrom(uid), 1);
    const sameGuid = this.#uidsOfGuid.get(guid);
    sameGuid?.delete(uid);
    if (sameGuid?.size === 0) this.#uidsOfGuid.delete(guid);
  }

  /** Index in `#uids` of the first UID that is not below `uid`. */
  #indexFrom(uid: number): number {
    let low = 0;
    let high = this.#uids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#uids[middle] ?? 0) < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A body's bytes with their sizes. Copies of a mail share it. */
export interface MemoryBody {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly virtualSize: number;
}

export class MemoryStage implements StagedBody {
  readonly size: number;
  readonly virtualSize: number;
  #body: MemoryBody | undefined;

  constructor(body: MemoryBody) {
    this.size = body.size;
    this.virtualSize = body.virtualSize;
    this.#body = body;
  }

  /** Hands the body over; once only. */
  take(): MemoryBody {
    const body = this.#body;
    if (body === undefined) throw stageGoneError();
    this.#body = undefined;
    return body;
  }

  /** Undoes {@link MemoryStage.take}. */
  giveBack(body: MemoryBody): void {
    this.#body = body;
  }

  discard(): Promise<void> {
    this.#body = undefined;
    return Promise.resolve();
  }
}

export const asMemoryStage = (stage: StagedBody): MemoryStage => {
  if (stage instanceof MemoryStage) return stage;
  throw stageGoneError();
};

/** @throws {DsyncdError} `DSYNCD_STORE_LIMIT` when the mail has more than `bytesMax` bytes. */
export async function readBody(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<MemoryBody> {
  const counter = new SizeCounter();
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) {
    counter.add(chunk);
    if (counter.size > bytesMax) throw limitError(`a mail of more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), size: counter.size, virtualSize: counter.virtualSize };
}
