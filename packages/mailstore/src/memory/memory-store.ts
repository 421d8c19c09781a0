/** The MailStore in memory, for tests: it keeps every promise of the port but survives nothing. */

import type {
  Clock,
  MailboxGuid,
  MailboxPath,
  MailGuid,
  Random,
  Uid,
  UidValidity,
  UserName,
} from '@dsyncd/core';
import { noUserError, unlessOvertaken } from '../errors.ts';
import { checkedPath } from '../name-tree.ts';
import {
  type ChangedAt,
  type CreateMailboxOptions,
  defaultStoreLimits,
  type MailboxInfo,
  type MailboxMail,
  type MailboxTree,
  type MailPlace,
  type MailStore,
  type NameChange,
  type StagedBody,
  type StoreLimits,
  type SyncLock,
  type UserMail,
} from '../port.ts';
import { MemoryStage, readBody } from './memory-mails.ts';
import { MemoryMailbox, type MemoryParts, MemoryUser } from './memory-user.ts';

export interface MemoryStore extends MailStore {
  open(user: UserName, options?: { readonly create?: boolean }): Promise<MemoryUserMail>;
}

export interface MemoryUserMail extends UserMail {
  /** Makes a body lost, as a damaged disk does. `noticed: false`: only the next `body` finds out. Default true. */
  loseBody(mailbox: MailboxGuid, uid: Uid, options?: { readonly noticed?: boolean }): void;
}

/** A MailStore in memory. Sets no timer but for a lock that has to be waited for. */
export function openMemoryStore(parts: {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<StoreLimits>;
}): MemoryStore {
  const kept: MemoryParts = { ...parts, limits: { ...defaultStoreLimits, ...parts.limits } };
  const users = new Map<UserName, MemoryUser>();
  return {
    async open(name, options) {
      const known = users.get(name);
      if (known === undefined && options?.create !== true) throw noUserError(name);
      const user = known ?? new MemoryUser(name, kept);
      users.set(name, user);
      return new MemoryUserHandle(user);
    },
    async *users() {
      yield* [...users.keys()];
    },
    async close() {},
  };
}

class MemoryUserHandle implements MemoryUserMail {
  readonly #data: MemoryUser;
  readonly #locks = new Set<SyncLock>();

  constructor(data: MemoryUser) {
    this.#data = data;
  }

  get user(): UserName {
    return this.#data.name;
  }

  async lock(timeoutMs: number): Promise<SyncLock> {
    const lock = await this.#data.lock(timeoutMs);
    this.#locks.add(lock);
    return lock;
  }

  async tree(): Promise<MailboxTree> {
    return this.#data.tree();
  }

  async createMailbox(path: MailboxPath, options?: CreateMailboxOptions): Promise<MailboxInfo> {
    const created = this.#data.createMailbox(path, {
      at: this.#at(options),
      guid: options?.guid,
      uidValidity: options?.uidValidity,
    });
    return { ...created.mails.status(), path: created.path };
  }

  async createDirectory(path: MailboxPath, options?: ChangedAt): Promise<void> {
    this.#data.names.createDirectory(path, this.#at(options));
  }

  async rename(from: MailboxPath, to: MailboxPath, options?: ChangedAt): Promise<void> {
    this.#data.rename(from, to, this.#at(options));
  }

  async deleteMailbox(guid: MailboxGuid, options?: ChangedAt): Promise<void> {
    this.#data.deleteMailbox(guid, this.#at(options));
  }

  async deleteDirectory(path: MailboxPath, options?: ChangedAt): Promise<void> {
    this.#data.names.deleteDirectory(path, this.#at(options));
  }

  async setSubscribed(path: MailboxPath, subscribed: boolean, options?: ChangedAt): Promise<void> {
    this.#data.names.setSubscribed(path, subscribed, this.#at(options));
  }

  async changeMailboxIdentity(
    guid: MailboxGuid,
    to: { readonly guid: MailboxGuid; readonly uidValidity: UidValidity },
  ): Promise<void> {
    this.#data.changeIdentity(guid, to);
  }

  async noteGivenUp(guid: MailboxGuid, by: MailboxGuid): Promise<void> {
    this.#data.names.noteGivenUp(guid, by, this.#data.nowSeconds());
  }

  async changeNames(changes: readonly NameChange[]): Promise<readonly (string | undefined)[]> {
    return changes.map((change) => unlessOvertaken(() => this.#changeName(change)));
  }

  #changeName(change: NameChange): void {
    const { names } = this.#data;
    const at = this.#at(change);
    if (change.type === 'create-mailbox') this.#data.createMailbox(change.path, { ...change, at });
    else if (change.type === 'rename') this.#data.rename(change.from, change.to, at);
    else if (change.type === 'delete-mailbox') this.#data.deleteMailbox(change.guid, at);
    else if (change.type === 'subscribe') names.setSubscribed(change.path, change.subscribed, at);
    else if (change.type === 'note-given-up') names.noteGivenUp(change.guid, change.by, at);
    else if (change.type === 'create-directory') names.createDirectory(change.path, at);
    else names.deleteDirectory(change.path, at);
  }

  async mailbox(guid: MailboxGuid): Promise<MailboxMail> {
    this.#data.mailsOf(guid);
    return new MemoryMailbox(this.#data, guid);
  }

  async mailboxByPath(path: MailboxPath): Promise<MailboxMail | undefined> {
    const guid = this.#data.names.guidOf(checkedPath(path));
    return guid === undefined ? undefined : new MemoryMailbox(this.#data, guid);
  }

  async findBodies(guids: readonly MailGuid[]): Promise<ReadonlyMap<MailGuid, MailPlace>> {
    const places = new Map<MailGuid, MailPlace>();
    for (const mails of this.#data.mailboxes())
      for (const guid of guids) {
        const mail = places.has(guid)
          ? undefined
          : mails.mailsOfGuid(guid).find(({ bodyState }) => bodyState !== 'known-lost');
        if (mail !== undefined) places.set(guid, { mailbox: mails.guid, uid: mail.record.uid });
      }
    return places;
  }

  async stageBody(body: AsyncIterable<Uint8Array>): Promise<StagedBody> {
    return new MemoryStage(await readBody(body, this.#data.parts.limits.mailBytesMax));
  }

  loseBody(mailbox: MailboxGuid, uid: Uid, options?: { readonly noticed?: boolean }): void {
    this.#data.loseBody(mailbox, uid, options?.noticed === false ? 'lost' : 'known-lost');
  }

  async close(): Promise<void> {
    for (const lock of this.#locks) await lock.release();
    this.#locks.clear();
  }

  #at(options: ChangedAt | undefined): number {
    return options?.changedAt ?? this.#data.nowSeconds();
  }
}
