import { createHash } from 'node:crypto';
import { asMailboxGuid, asUid, DsyncdError, keywordsWithout, type MailboxPath } from '@dsyncd/core';
import {
  type MailboxMail,
  type MailChange,
  type MailRecord,
  systemFlags,
  type UserMail,
} from '@dsyncd/mailstore';
import type { Attribute, MailChangeItem, MailItem, MailRequest } from '@dsyncd/protocol';
import { counted } from '../options.ts';
import { isSameGuid, type RemoteNew } from './compare.ts';
import type { Importer, ImportOptions, ImportResult } from './importer.ts';
import { finalKeywords, NewMails } from './new-mails.ts';
import { MailboxWriter } from './writer.ts';

const pageMails = 1000;

/**
 * Makes our mailbox equal to the peer's, as the receiving side of a backup: the same mails under the
 * same UIDs, with the same flags, and nothing else.
 */
export class MailboxOverwrite implements Importer {
  readonly #options: ImportOptions;
  readonly #changes: MailChangeItem[] = [];
  readonly #attributes: Attribute[] = [];
  readonly #expunges: MailChange[] = [];
  #target: MailboxMail;
  #writer: MailboxWriter;
  #newMails: NewMails;
  /** What our mailbox was before it was started over. */
  #replaced: MailboxMail | undefined;
  #isIncomplete = false;
  #heldBytes = 0;

  constructor(options: ImportOptions) {
    this.#options = options;
    this.#target = options.mailbox;
    this.#writer = new MailboxWriter(options.mailbox, options.snapshot, options);
    this.#newMails = this.#makeNewMails();
  }

  #makeNewMails(): NewMails {
    const { user, isMaster, isDryRun, since, counts } = this.#options;
    return new NewMails({
      user,
      mailbox: this.#target.guid,
      writer: this.#writer,
      lastCommonModSeq: since.localModSeq,
      isMaster,
      isDryRun,
      counts,
    });
  }

  async start(): Promise<void> {
    const { remote, snapshot } = this.#options;
    if (remote.highestModSeq > snapshot.highestModSeq)
      this.#writer.beginWith({ type: 'raise', highestModSeq: remote.highestModSeq });
  }

  async addAttribute(theirs: Attribute): Promise<void> {
    this.#attributes.push(theirs);
  }

  async addChange(change: MailChangeItem): Promise<void> {
    if (change.uid <= (this.#changes.at(-1)?.uid ?? 0))
      throw new DsyncdError('DSYNCD_PROTOCOL', `the peer sent UID ${change.uid} out of order`, {
        outcome: 'transient',
        hint: 'check that the peer is a Dovecot 2.3 or 2.4 or a dsyncd',
      });
    this.#heldBytes += this.#options.planned.hold(change);
    this.#changes.push(change);
  }

  async finishChanges(): Promise<MailRequest[]> {
    const { since, isDryRun, counts, snapshot } = this.#options;
    const ours = await this.#readMails(since.lastCommonUid);
    await this.#applyCommon();
    let wanted: RemoteNew[] = [];
    const theirs = this.#changes.filter(({ uid, kind }) => uid > since.lastCommonUid && kind !== 'expunge');
    for (const change of theirs) {
      const mail = ours.get(change.uid);
      if (mail === undefined || !isSameGuid(change, mail.guid)) {
        wanted.push({ uid: change.uid, guid: change.guid ?? '', change });
        continue;
      }
      ours.delete(change.uid);
      await this.#adoptFlags(mail, change);
    }
    // A store gives out UIDs only upwards.
    if (wanted.some(({ uid }) => uid < snapshot.uidNext) && !isDryRun) {
      if (since.lastCommonUid > 0) {
        this.#isIncomplete = true;
        wanted = wanted.filter(({ uid }) => uid >= snapshot.uidNext);
      } else {
        await this.#startOver();
        wanted = theirs.map((change) => ({ uid: change.uid, guid: change.guid ?? '', change }));
        ours.clear();
      }
    }
    for (const { uid, guid } of ours.values()) this.#expunge(uid, guid);
    await this.#adoptAttributes();
    if (isDryRun) counts.mailsReceived += wanted.length;
    return this.#newMails.plan(wanted.map((remote) => ({ remote, uid: remote.uid })));
  }

  async #readMails(afterUid: number): Promise<Map<number, MailRecord>> {
    const mails = new Map<number, MailRecord>();
    for (let from = afterUid + 1; ; ) {
      const page = await this.#options.mailbox.mails(asUid(from), pageMails);
      for (const mail of page) mails.set(mail.uid, mail);
      const last = page.at(-1);
      if (last === undefined || page.length < pageMails) return mails;
      from = last.uid + 1;
    }
  }

  async #applyCommon(): Promise<void> {
    const { mailbox, since } = this.#options;
    for (const change of this.#changes) {
      if (change.uid > since.lastCommonUid) return;
      const mail = await mailbox.mail(change.uid);
      if (mail === undefined || !isSameGuid(change, mail.guid)) {
        if (change.kind !== 'expunge') this.#isIncomplete = true;
      } else if (change.kind === 'expunge') this.#expunge(mail.uid, mail.guid);
      else await this.#adoptFlags(mail, change);
    }
  }

  #expunge(uid: MailRecord['uid'], guid: MailRecord['guid']): void {
    this.#options.counts.expunged++;
    this.#expunges.push({ type: 'expunge', uid, guid });
  }

  async #adoptFlags(mail: MailRecord, change: MailChangeItem): Promise<void> {
    const known = (1 << systemFlags.length) - 1;
    const addFlags = change.finalFlags & ~mail.flags & known;
    const removeFlags = mail.flags & ~change.finalFlags & known;
    const theirs = finalKeywords(change);
    const addKeywords = keywordsWithout(theirs, mail.keywords);
    const removeKeywords = keywordsWithout(mail.keywords, theirs);
    if ((addFlags | removeFlags) === 0 && addKeywords.length + removeKeywords.length === 0) return;
    this.#options.counts.flagsChanged++;
    await this.#writer.push({
      ...{ type: 'flags', uid: mail.uid },
      ...{ addFlags, removeFlags, addKeywords, removeKeywords },
    });
  }

  async #adoptAttributes(): Promise<void> {
    const { since } = this.#options;
    const nameOf = (type: string, key: string): string => `${type} ${key}`;
    const ours = new Map(
      (await this.#options.mailbox.attributes(0 as MailRecord['modSeq'])).map((attribute) => [
        nameOf(attribute.type, attribute.key),
        attribute,
      ]),
    );
    for (const { scope: type, key, value, deleted, lastChange: changedAt } of this.#attributes) {
      const isSet = !deleted && value !== undefined;
      const present = ours.get(nameOf(type, key))?.value;
      ours.delete(nameOf(type, key));
      if (present === (isSet ? value : undefined) && this.#replaced === undefined) continue;
      await this.#writer.push({
        type: 'attribute',
        attribute: { type, key, changedAt, ...(isSet ? { value } : {}) },
      });
    }
    if (since.localModSeq > 0 || this.#replaced !== undefined) return;
    for (const { type, key, changedAt, value } of ours.values())
      if (value !== undefined)
        await this.#writer.push({ type: 'attribute', attribute: { type, key, changedAt } });
  }

  /** Gives the mailbox's name and GUID to a new, empty one; the mails are then copied from the old one. */
  async #startOver(): Promise<void> {
    const { user, mailbox } = this.#options;
    const { replaced, fresh } = await replaceMailbox(user, mailbox);
    this.#replaced = replaced;
    this.#target = fresh;
    this.#writer = new MailboxWriter(fresh, await fresh.status(), this.#options);
    await this.start();
    this.#newMails = this.#makeNewMails();
  }

  async addMail(item: MailItem, body: AsyncIterable<Uint8Array> | undefined): Promise<void> {
    const { user, counts } = this.#options;
    if (item.guid === undefined) return;
    const staged =
      body === undefined
        ? undefined
        : await user.stageBody(counted(body, (bytes) => (counts.bytesReceived += bytes)));
    await this.#newMails.take(item.guid, item, staged);
  }

  async finish(): Promise<ImportResult> {
    const { remote, user, isDryRun } = this.#options;
    await this.#newMails.finish();
    this.#options.planned.release(this.#heldBytes);
    for (const change of this.#expunges) await this.#writer.push(change);
    await this.#writer.flush();
    const { firstRecentUid, uidNext } = remote;
    if (this.#writer.status.uidNext < uidNext || this.#writer.status.firstRecentUid < firstRecentUid) {
      await this.#writer.push({ type: 'raise', uidNext, firstRecentUid });
      await this.#writer.flush();
    }
    if (this.#replaced !== undefined && !isDryRun) await user.deleteMailbox(this.#replaced.guid);
    const { status, isChangedMeanwhile } = this.#writer;
    const isIncomplete = this.#isIncomplete || isChangedMeanwhile || this.#newMails.missingUid !== undefined;
    return {
      lastCommonUid: isIncomplete ? 0 : uidNext - 1,
      localModSeq: isIncomplete ? 0 : status.highestModSeq,
      messagesCount: status.messagesCount,
      isChangedMeanwhile: isIncomplete,
      conflicts: 0,
      renumbered: 0,
      offeredAnew: 0,
    };
  }

  async abort(): Promise<void> {
    await this.#writer.abandon();
    await this.#newMails.discard();
  }
}

/**
 * Moves a mailbox aside, under another GUID, and makes an empty one with its name and GUID. A crash
 * later leaves both; the next backup deletes the one that the peer does not have.
 */
async function replaceMailbox(
  user: UserMail,
  mailbox: MailboxMail,
): Promise<{ readonly replaced: MailboxMail; readonly fresh: MailboxMail }> {
  const { guid } = mailbox;
  const { nodes } = await user.tree();
  const path = nodes.find((node) => node.mailbox?.guid === guid)?.path;
  if (path === undefined)
    throw new DsyncdError('DSYNCD_STORE_NO_MAILBOX', `mailbox ${guid} is gone`, { outcome: 'transient' });
  const before = await mailbox.status();
  // Both sides have agreed on it already; with a Dovecot it need not be theirs.
  const { uidValidity } = before;
  const hash = createHash('sha1').update(`${guid} ${before.uidNext} ${before.highestModSeq}`).digest('hex');
  const oldGuid = asMailboxGuid(hash.slice(0, 32));
  const aside: MailboxPath = [`dsyncd-renaming-${oldGuid}`];
  await user.changeMailboxIdentity(guid, { guid: oldGuid, uidValidity });
  await user.rename(path, aside);
  const inbox = await user.mailboxByPath(path);
  if (inbox === undefined) await user.createMailbox(path, { guid, uidValidity });
  else await user.changeMailboxIdentity(inbox.guid, { guid, uidValidity });
  const children = new Set(
    nodes
      .filter(
        (node) =>
          node.exists &&
          node.path.length > path.length &&
          path.every((part, level) => part === node.path[level]),
      )
      .map((node) => node.path[path.length] ?? ''),
  );
  // They were moved with their parent, except those of an INBOX.
  for (const child of inbox === undefined ? children : [])
    await user.rename([...aside, child], [...path, child]);
  return { replaced: await user.mailbox(oldGuid), fresh: await user.mailbox(guid) };
}
