import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { asMailGuid, type MailboxGuid, type MailGuid, type ModSeq, type Uid } from '@dsyncd/core';
import { stageGoneError } from '../errors.ts';
import type {
  ApplyResult,
  ExpungeRecord,
  MailboxAttribute,
  MailboxMail,
  MailboxStatus,
  MailChange,
  MailRecord,
  SaveChange,
  StagedBody,
} from '../port.ts';
import type { Home } from './home.ts';
import { parseMails } from './mail-record.ts';
import { MaildirStage } from './stage.ts';
import type { WireChange, WireSave } from './wire.ts';

/** A handle on one mailbox; it fails with `DSYNCD_STORE_NO_MAILBOX` once the mailbox is gone. */
export class MaildirMailbox implements MailboxMail {
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
