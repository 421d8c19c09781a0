import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import {
  asMailGuid,
  asModSeq,
  asUid,
  type MailboxGuid,
  type MailboxPath,
  type MailGuid,
  type ModSeq,
  type Uid,
  type UidValidity,
  type UserName,
} from '@dsyncd/core';
import { stageGoneError } from '../errors.ts';
import { checkedPath } from '../name-tree.ts';
import type {
  ApplyResult,
  ChangedAt,
  CreateMailboxOptions,
  ExpungeRecord,
  FlagModSeqs,
  MailboxAttribute,
  MailboxInfo,
  MailboxMail,
  MailboxStatus,
  MailboxTree,
  MailChange,
  MailPlace,
  MailRecord,
  NameChange,
  SaveChange,
  StagedBody,
  SyncLock,
  UserMail,
} from '../port.ts';
import { emptyFlagModSeqs } from '../store-rules.ts';
import type { Home } from './home.ts';
import { MaildirStage, stageBody } from './stage-body.ts';
import type { MailRow, WireChange, WireSave } from './wire.ts';
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
    const lock = await this.#home.lock(timeoutMs);
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

/** A handle on one mailbox; it fails with `DSYNCD_STORE_NO_MAILBOX` once the mailbox is gone. */
class MaildirMailbox implements MailboxMail {
  readonly guid: MailboxGuid;
  readonly #home: Home;

  constructor(home: Home, guid: MailboxGuid) {
    this.#home = home;
    this.guid = guid;
  }

  status(): Promise<MailboxStatus> {
    return this.#home.call('readStatus', this.guid);
  }

  async mails(fromUid: Uid, limit: number): Promise<readonly MailRecord[]> {
    return parseMails(await this.#home.call('readMails', this.guid, fromUid, limit));
  }

  async changedMails(
    range: { readonly modSeq: ModSeq; readonly uidMax: Uid; readonly afterUid: Uid },
    limit: number,
  ): Promise<readonly MailRecord[]> {
    return parseMails(await this.#home.call('readChangedMails', this.guid, range, limit));
  }

  expunges(
    range: { readonly modSeq: ModSeq; readonly afterUid: Uid },
    limit: number,
  ): Promise<readonly ExpungeRecord[]> {
    return this.#home.call('readExpunges', this.guid, range, limit);
  }

  async mail(uid: Uid): Promise<MailRecord | undefined> {
    return parseMails(await this.#home.call('readMail', this.guid, uid))[0];
  }

  async mailsByGuid(guids: readonly MailGuid[]): Promise<readonly MailRecord[]> {
    return parseMails(await this.#home.call('readMailsByGuid', this.guid, guids));
  }

  attributes(modSeq: ModSeq): Promise<readonly MailboxAttribute[]> {
    return this.#home.call('readAttributes', this.guid, modSeq);
  }

  async body(uid: Uid): Promise<Readable> {
    const body = await this.#home.call('readBody', this.guid, uid);
    if ('fd' in body) return createReadStream('', { fd: body.fd });
    const bytes = Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength);
    return Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false });
  }

  async restoreBody(uid: Uid, staged: StagedBody): Promise<void> {
    const stages: MaildirStage[] = [];
    await this.#withStages(stages, () =>
      this.#home.call(
        'restoreBody',
        { tmpPrefix: this.#home.newTmpName() },
        this.guid,
        uid,
        this.#take(staged, stages),
      ),
    );
  }

  lostBodies(): Promise<readonly Uid[]> {
    return this.#home.call('lostBodies', this.guid);
  }

  async apply(changes: readonly MailChange[]): Promise<ApplyResult> {
    const stages: MaildirStage[] = [];
    return this.#withStages(stages, () => {
      const wire = changes.map((change) =>
        change.type === 'save' ? this.#wireSave(change, stages) : change,
      ) satisfies WireChange[];
      const context = { limits: this.#home.limits, tmpPrefix: this.#home.newTmpName() };
      return this.#home.call('apply', context, this.guid, wire);
    });
  }

  #wireSave(change: SaveChange, stages: MaildirStage[]): WireSave {
    const now = this.#home.nowSeconds();
    const { body, keywords, ...rest } = change;
    return {
      ...rest,
      guid: change.guid ?? asMailGuid(this.#home.random.hex(16)),
      body:
        'mailbox' in body
          ? { kind: 'place', mailbox: body.mailbox, uid: body.uid }
          : this.#take(body, stages),
      flags: change.flags ?? 0,
      keywords: keywords ?? [],
      receivedAt: Math.floor(change.receivedAt ?? now),
      savedAt: Math.floor(change.savedAt ?? now),
    };
  }

  #take(staged: StagedBody, stages: MaildirStage[]): ReturnType<MaildirStage['take']> {
    if (!(staged instanceof MaildirStage) || staged.home !== this.#home.place.home) throw stageGoneError();
    const wire = staged.take();
    stages.push(staged);
    return wire;
  }

  /** The stages that `work` takes are used up when it succeeds, and as before when it fails. */
  async #withStages<T>(stages: readonly MaildirStage[], work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      for (const stage of stages) stage.saved();
      return result;
    } catch (error) {
      for (const stage of stages) stage.giveBack();
      throw error;
    }
  }
}

const noKeywords: readonly string[] = [];

/** The mails in a worker's answer. */
const parseMails = (rows: string): readonly MailRecord[] => (JSON.parse(rows) as MailRow[]).map(toRecord);

function toRecord(row: MailRow): MailRecord {
  const [
    uid,
    guid,
    modSeq,
    flags,
    keywords,
    flagModSeqs,
    receivedAt,
    savedAt,
    size,
    virtualSize,
    uidl,
    order,
  ] = row;
  return {
    uid: asUid(uid),
    guid: asMailGuid(guid),
    modSeq: asModSeq(modSeq),
    flags,
    keywords: keywords === null ? noKeywords : (JSON.parse(keywords) as string[]),
    flagModSeqs: flagModSeqs === null ? emptyFlagModSeqs : (JSON.parse(flagModSeqs) as FlagModSeqs),
    receivedAt,
    savedAt,
    size,
    virtualSize,
    ...(uidl === null ? {} : { pop3Uidl: uidl }),
    ...(order === null ? {} : { pop3Order: order }),
  };
}
