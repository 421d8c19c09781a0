import { Readable } from 'node:stream';
import type { MailboxGuid, MailGuid, ModSeq, Uid } from '@dsyncd/core';
import { bodyDiffersError, bodyLostError, noMailError } from '../errors.ts';
import type {
  ApplyResult,
  ExpungeRecord,
  MailboxAttribute,
  MailboxMail,
  MailboxStatus,
  MailChange,
  MailRecord,
  StagedBody,
} from '../port.ts';
import { applyChanges } from './apply.ts';
import { asMemoryStage } from './mail-body.ts';
import type { MemoryMail, MemoryMails } from './mails.ts';
import type { MemoryUser } from './user.ts';

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
