import type { MailboxGuid, MailboxPath, MailGuid, UidValidity, UserName } from '@dsyncd/core';
import type {
  ChangedAt,
  CreateMailboxOptions,
  MailboxInfo,
  MailboxMail,
  MailboxTree,
  MailPlace,
  NameChange,
  StagedBody,
  SyncLock,
  UserMail,
} from '../port.ts';
import { checkedPath } from '../tree/paths.ts';
import type { Home } from './home.ts';
import { MaildirMailbox } from './mailbox.ts';
import { stageBody } from './stage.ts';
import type { TreeContext } from './worker/tree-operations.ts';

export class MaildirUser implements UserMail {
  readonly user: UserName;
  readonly #home: Home;
  readonly #locks = new Set<SyncLock>();

  constructor(user: UserName, home: Home) {
    this.user = user;
    this.#home = home;
  }

  async lock(timeoutMs: number): Promise<SyncLock> {
    const lock = await this.#home.locks.take(this.#home.place, timeoutMs);
    this.#locks.add(lock);
    return {
      release: async () => {
        this.#locks.delete(lock);
        await lock.release();
      },
    };
  }

  tree(): Promise<MailboxTree> {
    return this.#home.call('readTree');
  }

  createMailbox(path: MailboxPath, options?: CreateMailboxOptions): Promise<MailboxInfo> {
    return this.#home.call(
      'createMailbox',
      this.#context(options, options?.guid),
      path,
      options?.uidValidity,
    );
  }

  createDirectory(path: MailboxPath, options?: ChangedAt): Promise<void> {
    return this.#home.call('createDirectory', this.#context(options), path);
  }

  rename(from: MailboxPath, to: MailboxPath, options?: ChangedAt): Promise<void> {
    return this.#home.call('rename', this.#context(options), from, to);
  }

  deleteMailbox(guid: MailboxGuid, options?: ChangedAt): Promise<void> {
    return this.#home.call('deleteMailbox', this.#context(options), guid);
  }

  deleteDirectory(path: MailboxPath, options?: ChangedAt): Promise<void> {
    return this.#home.call('deleteDirectory', this.#context(options), path);
  }

  setSubscribed(path: MailboxPath, subscribed: boolean, options?: ChangedAt): Promise<void> {
    return this.#home.call('setSubscribed', this.#context(options), path, subscribed);
  }

  async changeNames(changes: readonly NameChange[]): Promise<readonly (string | undefined)[]> {
    const inContext = changes.map((change) => {
      const guid = change.type === 'create-mailbox' ? change.guid : undefined;
      return { change, context: this.#context(change, guid) };
    });
    return this.#home.call('changeAllNames', inContext);
  }

  changeMailboxIdentity(
    guid: MailboxGuid,
    to: { readonly guid: MailboxGuid; readonly uidValidity: UidValidity },
  ): Promise<void> {
    return this.#home.call('changeIdentity', this.#context(), guid, to);
  }

  noteGivenUp(guid: MailboxGuid, by: MailboxGuid): Promise<void> {
    return this.#home.call('noteGivenUp', this.#context(), guid, by);
  }

  async mailbox(guid: MailboxGuid): Promise<MailboxMail> {
    await this.#home.call('readStatus', guid);
    return new MaildirMailbox(this.#home, guid);
  }

  async mailboxByPath(path: MailboxPath): Promise<MailboxMail | undefined> {
    const guid = await this.#home.call('guidOfPath', checkedPath(path));
    return guid === undefined ? undefined : new MaildirMailbox(this.#home, guid);
  }

  findBodies(guids: readonly MailGuid[]): Promise<ReadonlyMap<MailGuid, MailPlace>> {
    return this.#home.call('findBodies', guids);
  }

  stageBody(body: AsyncIterable<Uint8Array>): Promise<StagedBody> {
    return stageBody(body, {
      place: this.#home.place,
      memory: this.#home.memory,
      newTmpName: () => this.#home.newTmpName(),
      bytesMax: this.#home.limits.mailBytesMax,
    });
  }

  async close(): Promise<void> {
    const locks = [...this.#locks];
    this.#locks.clear();
    for (const lock of locks) await lock.release();
  }

  #context(options?: ChangedAt, guid?: MailboxGuid): TreeContext {
    const nowSeconds = this.#home.nowSeconds();
    return {
      mailboxesMax: this.#home.limits.mailboxesPerUserMax,
      nowSeconds,
      at: Math.floor(options?.changedAt ?? nowSeconds),
      newGuid: guid ?? this.#home.newGuid(),
    };
  }
}
