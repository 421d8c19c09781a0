import {
  asMailboxGuid,
  type Clock,
  fail,
  type MailboxGuid,
  type MailboxPath,
  type Random,
  type UidValidity,
  type UserName,
} from '@dsyncd/core';
import { noMailboxError } from '../errors.ts';
import type { MailboxTree, SyncLock } from '../port.ts';
import type { StoreLimits } from '../store-limits.ts';
import { NameTree } from '../tree/name-tree.ts';
import { followUidValidity, nextUidValidity } from '../uid-validity.ts';
import type { ApplyContext } from './apply.ts';
import { MemoryMails } from './mails.ts';
import { MemorySyncLock } from './sync-lock.ts';

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
