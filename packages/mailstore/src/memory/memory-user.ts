import { Readable } from 'node:stream';
import {
  asMailboxGuid,
  type Clock,
  fail,
  type MailboxGuid,
  type MailboxPath,
  type MailGuid,
  type ModSeq,
  type Random,
  type Uid,
  type UidValidity,
  type UserName,
} from '@dsyncd/core';
import { bodyDiffersError, bodyLostError, lockedError, noMailboxError, noMailError } from '../errors.ts';
import { NameTree } from '../name-tree.ts';
import type {
  ApplyResult,
  ExpungeRecord,
  MailboxAttribute,
  MailboxMail,
  MailboxStatus,
  MailboxTree,
  MailChange,
  MailRecord,
  StagedBody,
  StoreLimits,
  SyncLock,
} from '../port.ts';
import { followUidValidity, nextUidValidity } from '../store-rules.ts';
import { type ApplyContext, applyChanges } from './memory-changes.ts';
import { asMemoryStage, type MemoryMail, MemoryMails } from './memory-mails.ts';

export interface MemoryParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: StoreLimits;
}

/** One user's mail in memory, shared by all handles on it. */
export class MemoryUser {
  readonly name: UserName;
  readonly parts: MemoryParts;
  readonly names: NameTree;
  readonly #mailboxes = new Map<MailboxGuid, MemoryMails>();
  readonly #lock = new MemorySyncLock();
  #highestUidValidity = 0;

  constructor(name: UserName, parts: MemoryParts) {
    this.name = name;
    this.parts = parts;
    this.names = new NameTree({ entries: [], deletions: [] }, parts.limits.mailboxesPerUserMax);
    this.createMailbox(['INBOX'], { at: this.nowSeconds() });
  }

  nowSeconds(): number {
    return Math.floor(this.parts.clock.now() / 1000);
  }

  lock(timeoutMs: number): Promise<SyncLock> {
    return this.#lock.take(this.parts.clock, this.name, timeoutMs);
  }

  tree(): MailboxTree {
    const nodes = this.names.entries().map(({ guid, ...entry }) => ({
      ...entry,
      mailbox: guid === undefined ? undefined : this.mailsOf(guid).status(),
    }));
    return { nodes, deletes: this.names.deletions() };
  }

  createMailbox(
    path: MailboxPath,
    options: {
      readonly at: number;
      readonly guid?: MailboxGuid | undefined;
      readonly uidValidity?: UidValidity | undefined;
    },
  ): { readonly path: MailboxPath; readonly mails: MemoryMails } {
    const guid = options.guid ?? asMailboxGuid(this.parts.random.hex(16));
    const kept = this.names.createMailbox(path, guid, options.at);
    const uidValidity = this.#takeUidValidity(options.uidValidity);
    const mails = new MemoryMails({ guid, uidValidity });
    this.#mailboxes.set(guid, mails);
    return { path: kept, mails };
  }

  rename(from: MailboxPath, to: MailboxPath, at: number): void {
    const { inbox } = this.names.rename(from, to, at);
    if (inbox !== undefined) this.createMailbox(inbox, { at });
  }

  deleteMailbox(guid: MailboxGuid, at: number): void {
    this.names.deleteMailbox(guid, at);
    this.#mailboxes.delete(guid);
  }

  changeIdentity(
    guid: MailboxGuid,
    to: { readonly guid: MailboxGuid; readonly uidValidity: UidValidity },
  ): void {
    const mails = this.mailsOf(guid);
    this.names.changeGuid(guid, to.guid, this.nowSeconds());
    this.#mailboxes.delete(guid);
    this.#mailboxes.set(to.guid, new MemoryMails({ guid: to.guid, uidValidity: to.uidValidity }, mails));
    this.#highestUidValidity = followUidValidity(this.#highestUidValidity, to.uidValidity);
  }

  mailsOf(guid: MailboxGuid): MemoryMails {
    const mails = this.#mailboxes.get(guid);
    if (mails === undefined) throw noMailboxError(guid);
    return mails;
  }

  mailboxes(): Iterable<MemoryMails> {
    return this.#mailboxes.values();
  }

  applyContext(mails: MemoryMails): ApplyContext {
    return {
      mails,
      random: this.parts.random,
      limits: this.parts.limits,
      nowSeconds: this.nowSeconds(),
      findMail: (place) => this.#mailboxes.get(place.mailbox)?.get(place.uid),
    };
  }

  loseBody(guid: MailboxGuid, uid: number, bodyState: 'lost' | 'known-lost'): void {
    const mails = this.mailsOf(guid);
    const mail = mails.get(uid) ?? fail(`no mail ${uid} to lose the body of`);
    mails.put({ ...mail, bodyState });
  }

  #takeUidValidity(wanted: UidValidity | undefined): UidValidity {
    const uidValidity = wanted || nextUidValidity(this.#highestUidValidity, this.nowSeconds());
    this.#highestUidValidity = followUidValidity(this.#highestUidValidity, uidValidity);
    return uidValidity;
  }
}

/** A handle on one mailbox; it fails with `DSYNCD_STORE_NO_MAILBOX` once the mailbox is gone. */
export class MemoryMailbox implements MailboxMail {
  readonly guid: MailboxGuid;
  readonly #user: MemoryUser;

  constructor(user: MemoryUser, guid: MailboxGuid) {
    this.#user = user;
    this.guid = guid;
  }

  async status(): Promise<MailboxStatus> {
    return this.#mails().status();
  }

  async mails(fromUid: Uid, limit: number): Promise<readonly MailRecord[]> {
    return take(this.#mails().mailsFrom(fromUid), limit, () => true);
  }

  async changedMails(
    range: { readonly modSeq: ModSeq; readonly uidMax: Uid; readonly afterUid: Uid },
    limit: number,
  ): Promise<readonly MailRecord[]> {
    const { modSeq, uidMax, afterUid } = range;
    return take(
      this.#mails().mailsFrom(afterUid + 1),
      limit,
      ({ record }) => record.modSeq > modSeq && record.uid <= uidMax,
    );
  }

  async expunges(
    range: { readonly modSeq: ModSeq; readonly afterUid: Uid },
    limit: number,
  ): Promise<readonly ExpungeRecord[]> {
    return this.#mails().expunges(range.modSeq, range.afterUid).slice(0, limit);
  }

  async mail(uid: Uid): Promise<MailRecord | undefined> {
    return this.#mails().get(uid)?.record;
  }

  async mailsByGuid(guids: readonly MailGuid[]): Promise<readonly MailRecord[]> {
    const mails = this.#mails();
    return [...new Set(guids)]
      .flatMap((guid) => mails.mailsOfGuid(guid).map(({ record }) => record))
      .sort((a, b) => a.uid - b.uid);
  }

  async attributes(modSeq: ModSeq): Promise<readonly MailboxAttribute[]> {
    return this.#mails().attributes(modSeq);
  }

  async body(uid: Uid): Promise<Readable> {
    const mail = this.#mail(uid);
    if (mail.bodyState !== 'there') {
      this.#mails().put({ ...mail, bodyState: 'known-lost' });
      throw bodyLostError({ mailbox: this.guid, uid });
    }
    return Readable.from([mail.body.bytes], { objectMode: false });
  }

  async restoreBody(uid: Uid, staged: StagedBody): Promise<void> {
    const mail = this.#mail(uid);
    if (staged.size !== mail.record.size)
      throw bodyDiffersError(uid, { known: mail.record.size, given: staged.size });
    const body = asMemoryStage(staged).take();
    if (mail.bodyState !== 'there') this.#mails().put({ ...mail, body, bodyState: 'there' });
  }

  async lostBodies(): Promise<readonly Uid[]> {
    return [...this.#mails().mailsFrom(1)]
      .filter((mail) => mail.bodyState === 'known-lost')
      .map(({ record }) => record.uid);
  }

  async apply(changes: readonly MailChange[]): Promise<ApplyResult> {
    return applyChanges(this.#user.applyContext(this.#mails()), changes);
  }

  #mails(): MemoryMails {
    return this.#user.mailsOf(this.guid);
  }

  #mail(uid: Uid): MemoryMail {
    const mail = this.#mails().get(uid);
    if (mail === undefined) throw noMailError({ mailbox: this.guid, uid });
    return mail;
  }
}

function take(
  mails: Iterable<MemoryMail>,
  limit: number,
  isWanted: (mail: MemoryMail) => boolean,
): readonly MailRecord[] {
  const records: MailRecord[] = [];
  if (limit <= 0) return records;
  for (const mail of mails) {
    if (!isWanted(mail)) continue;
    records.push(mail.record);
    if (records.length === limit) break;
  }
  return records;
}

/** One user's lock; those that wait get it in the order in which they asked. */
class MemorySyncLock {
  #held = false;
  readonly #waiting = new Set<() => void>();

  async take(clock: Clock, user: UserName, timeoutMs: number): Promise<SyncLock> {
    if (this.#held) await this.#wait(clock, user, timeoutMs);
    this.#held = true;
    let mine = true;
    return {
      release: () => {
        if (mine) this.#passOn();
        mine = false;
        return Promise.resolve();
      },
    };
  }

  #wait(clock: Clock, user: UserName, timeoutMs: number): Promise<void> {
    if (timeoutMs <= 0) return Promise.reject(lockedError(user, timeoutMs));
    return new Promise((resolve, reject) => {
      const onFree = (): void => {
        cancelTimeout();
        resolve();
      };
      const cancelTimeout = clock.after(timeoutMs, () => {
        this.#waiting.delete(onFree);
        reject(lockedError(user, timeoutMs));
      });
      this.#waiting.add(onFree);
    });
  }

  /** The lock stays held for the next one in line, so that no newcomer slips in between. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#held = false;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
