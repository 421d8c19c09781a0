import { asUid, type MailGuid } from '@dsyncd/core';
import type { MailboxAttribute, MailboxStatus, MailChange } from '@dsyncd/mailstore';
import type { Attribute, MailChangeItem, MailItem, MailRequest } from '@dsyncd/protocol';
import { counted } from '../options.ts';
import { outOfOrder } from '../peer-limits.ts';
import { type Assigned, assignOneWay, assignUids } from './assign-uids.ts';
import {
  compareUid,
  type Decision,
  type Entry,
  isSameGuid,
  type LocalNew,
  type RemoteNew,
  readEntries,
} from './compare.ts';
import type { Importer, ImportOptions, ImportResult } from './importer.ts';
import { type ExpungeChange, NewMails } from './new-mails.ts';
import { isDovecotsNewer, isTheirsNewer, mergeFlags } from './who-wins.ts';
import { LostBodies, MailboxWriter } from './writer.ts';

/** Changes of up to the last common UID whose mails are looked up together. */
const lookupMails = 500;
const anExpunge = { keywords: [] };

/** Takes the peer's changes to one mailbox in: the importing half of the brain. */
export class MailboxImport implements Importer {
  readonly #options: ImportOptions;
  readonly #writer: MailboxWriter;
  readonly #newMails: NewMails;
  #localNew: LocalNew[] = [];
  readonly #remoteNew: RemoteNew[] = [];
  /** The peer expunged what had this UID and GUID; one way it may still have the mail under another UID. */
  readonly #doubtful: LocalNew['mail'][] = [];
  /** Written last: a mail to be saved may share the body of one that goes, and UIDs are given out upwards only. */
  #expunges: MailChange[] = [];
  #common: MailChangeItem[] = [];
  #entries: AsyncGenerator<Entry[], void>;
  #batch: readonly Entry[] = [];
  #batchAt = 0;
  #previousUid = 0;
  /** Highest UID up to which both sides agree about UIDs: a Dovecot takes nothing new below it. */
  #matchedUid = 0;
  #hasMismatch = false;
  readonly #lost: LostBodies;
  #ourAttributes: ReadonlyMap<string, MailboxAttribute> | undefined;
  #conflicts = 0;
  #renumbered = 0;
  #offeredAnew = 0;
  #uidNext = 0;
  /** Of mails that are new here, until they are saved; expunges stay until the end of the sync. */
  #heldBytes = 0;

  constructor(options: ImportOptions) {
    this.#options = options;
    const { mailbox, snapshot, since, user, isMaster, isDryRun, counts } = options;
    this.#lost = new LostBodies(mailbox);
    this.#writer = new MailboxWriter(mailbox, snapshot, { isDryRun });
    this.#newMails = new NewMails({
      user,
      mailbox: mailbox.guid,
      writer: this.#writer,
      lastCommonModSeq: since.localModSeq,
      isMaster,
      isDryRun,
      counts,
    });
    this.#entries = readEntries(mailbox, {
      afterUid: since.lastCommonUid,
      lastUid: snapshot.uidNext - 1,
      modSeq: 0,
      onlyChanged: false,
    });
  }

  /** To be called first: changes get modseqs above all that either side ever gave out. */
  async start(): Promise<void> {
    const { remote, snapshot, since } = this.#options;
    if (remote.highestModSeq > snapshot.highestModSeq)
      this.#writer.beginWith({ type: 'raise', highestModSeq: remote.highestModSeq });
    if (since.lastCommonUid === 0) await this.#lost.find();
  }

  async addAttribute(theirs: Attribute): Promise<void> {
    const { scope, key, lastChange, value, deleted } = theirs;
    this.#ourAttributes ??= await this.#readAttributes();
    const ours = this.#ourAttributes.get(`${scope} ${key}`);
    const { since, peerKeepsExpunges } = this.#options;
    const isNewer = peerKeepsExpunges ? isTheirsNewer : isDovecotsNewer;
    if (!isNewer(ours, theirs, since.localModSeq)) return;
    const isSet = !deleted && value !== undefined;
    await this.#writer.push({
      type: 'attribute',
      attribute: { type: scope, key, changedAt: lastChange, ...(isSet ? { value } : {}) },
    });
  }

  async #readAttributes(): Promise<Map<string, MailboxAttribute>> {
    const attributes = await this.#options.mailbox.attributes(0 as MailboxStatus['highestModSeq']);
    return new Map(attributes.map((attribute) => [`${attribute.type} ${attribute.key}`, attribute]));
  }

  /** Takes one change; they come strictly ascending by UID. */
  async addChange(change: MailChangeItem): Promise<void> {
    const { since, mailbox } = this.#options;
    if (change.uid <= this.#previousUid) throw outOfOrder(change, mailbox.guid);
    this.#previousUid = change.uid;
    if (change.uid > since.lastCommonUid) return this.#compare(change);
    if (change.kind === 'save') throw outOfOrder(change, mailbox.guid);
    this.#common.push(change);
    if (this.#common.length >= lookupMails) await this.#applyCommon();
  }

  /** Changes to mails that both sides have had since the last sync. */
  async #applyCommon(): Promise<void> {
    const changes = this.#common;
    this.#common = [];
    const mails = await Promise.all(changes.map(({ uid }) => this.#options.mailbox.mail(uid)));
    for (const [index, change] of changes.entries()) {
      const mail = mails[index];
      if (mail === undefined || !isSameGuid(change, mail.guid)) continue;
      if (change.kind === 'expunge') this.#expunge(mail);
      else await this.#mergeFlags(mail, change);
    }
  }

  async #compare(change: MailChangeItem): Promise<void> {
    let ours = await this.#nextEntry();
    while (ours !== undefined && ours.uid < change.uid) {
      await this.#decide(ours.uid, compareUid(ours, undefined));
      this.#batchAt++;
      ours = await this.#nextEntry();
    }
    if (ours?.uid === change.uid) this.#batchAt++;
    else ours = undefined;
    await this.#decide(change.uid, compareUid(ours, change));
  }

  async #nextEntry(): Promise<Entry | undefined> {
    while (this.#batchAt >= this.#batch.length) {
      const next = await this.#entries.next();
      if (next.done === true) return undefined;
      this.#batch = next.value;
      this.#batchAt = 0;
    }
    return this.#batch[this.#batchAt];
  }

  async #decide(uid: number, decisions: readonly Decision[]): Promise<void> {
    if (decisions.length > 1) this.#hasMismatch = true;
    for (const decision of decisions) {
      switch (decision.type) {
        case 'same':
          await this.#takeSame(decision.mail, decision.change);
          break;
        case 'expunge':
          if (this.#options.isOneWay) this.#doubtful.push(decision.mail);
          else this.#expunge(decision.mail);
          this.#noteMatch(decision.mail.uid);
          break;
        case 'expunged-here':
          if (decision.isSameMail) this.#noteMatch(uid);
          break;
        case 'note-expunge':
          this.#noteExpunge(decision.change);
          break;
        case 'local-new':
          this.#addLocalNew(decision.mail);
          break;
        case 'remote-new':
          this.#addRemoteNew(decision.change);
          break;
      }
    }
  }

  async #takeSame(mail: LocalNew['mail'], change: MailChangeItem): Promise<void> {
    if (this.#options.isOneWay) {
      // Both sides may disagree about UIDs, so copies of one mail are paired in their order.
      this.#addLocalNew(mail);
      this.#addRemoteNew(change);
      return;
    }
    this.#noteMatch(mail.uid);
    await this.#mergeFlags(mail, change);
  }

  #noteMatch(uid: number): void {
    if (!this.#hasMismatch) this.#matchedUid = uid;
  }

  #addLocalNew(mail: LocalNew['mail']): void {
    this.#localNew.push({ uid: mail.uid, guid: mail.guid, mail });
  }

  #addRemoteNew(change: MailChangeItem): void {
    this.#heldBytes += this.#options.planned.hold(change);
    this.#remoteNew.push({ uid: change.uid, guid: change.guid ?? '', change });
  }

  #expunge({ uid, guid }: LocalNew['mail']): void {
    this.#options.planned.hold(anExpunge);
    this.#options.counts.expunged++;
    this.#expunges.push({ type: 'expunge', uid, guid });
  }

  /** So that a third host, which still has the mail, learns from us that it is gone. */
  #noteExpunge({ uid, guid }: MailChangeItem): void {
    const { peerKeepsExpunges, isOneWay } = this.#options;
    if (guid === undefined || guid === '' || !peerKeepsExpunges || isOneWay) return;
    this.#options.planned.hold(anExpunge);
    this.#expunges.push({ type: 'expunged-elsewhere', uid, guid: guid as MailGuid });
  }

  async #mergeFlags(mail: LocalNew['mail'], change: MailChangeItem): Promise<void> {
    const { since, isMaster, counts } = this.#options;
    const edit = mergeFlags(mail, change, { lastCommonModSeq: since.localModSeq, isMaster });
    if (edit === undefined) return;
    const { isConflict, ...wanted } = edit;
    if (isConflict) this.#conflicts++;
    counts.flagsChanged++;
    await this.#writer.push({ type: 'flags', uid: mail.uid, ...wanted });
  }

  /**
   * After the peer's last change, and after our own were all sent: settles UIDs, writes what can be
   * written, and answers which bodies are needed.
   */
  async finishChanges(): Promise<MailRequest[]> {
    const { snapshot, remote, isDryRun, counts } = this.#options;
    await this.#applyCommon();
    for (let ours = await this.#nextEntry(); ours !== undefined; ours = await this.#nextEntry()) {
      await this.#decide(ours.uid, compareUid(ours, undefined));
      this.#batchAt++;
    }
    this.#settleDoubtful();
    const toOffer = this.#takeNotWantedThere();
    const assign = this.#options.isOneWay ? assignOneWay : assignUids;
    const { assigned, uidNext } = assign(this.#localNew, this.#remoteNew, {
      local: snapshot.uidNext,
      remote: remote.uidNext,
    });
    this.#uidNext = uidNext;
    this.#renumbered = assigned.filter(({ uid, local }) => local !== undefined && local.uid !== uid).length;
    this.#offeredAnew = toOffer.length;
    for (const [index, local] of toOffer.entries()) assigned.push({ local, uid: uidNext + index });
    const requests = await this.#newMails.plan(assigned, this.#takeReplaced(assigned));
    if (isDryRun) counts.mailsReceived += assigned.filter(({ local }) => local === undefined).length;
    for (const guid of isDryRun ? [] : this.#lost.guids)
      if (!this.#newMails.isWaitingFor(guid)) requests.push({ type: 'request', guid });
    return requests;
  }

  /** Mails that the peer expunged because it gave them another UID: not to be gone before they are there again. */
  #takeReplaced(assigned: readonly Assigned<LocalNew, RemoteNew>[]): Map<string, ExpungeChange> {
    const guids = new Set(
      assigned.flatMap(({ local, remote }) => (local === undefined ? [remote?.guid] : [])),
    );
    const replaced = new Map<string, ExpungeChange>();
    this.#expunges = this.#expunges.filter((change) => {
      if (change.type !== 'expunge' || change.guid === undefined) return true;
      if (!guids.has(change.guid) || replaced.has(change.guid)) return true;
      replaced.set(change.guid, change);
      return false;
    });
    return replaced;
  }

  #settleDoubtful(): void {
    if (this.#doubtful.length === 0) return;
    const present = new Set(this.#remoteNew.map(({ guid }) => guid));
    for (const mail of this.#doubtful)
      if (present.has(mail.guid)) this.#addLocalNew(mail);
      else this.#expunge(mail);
    this.#localNew.sort((a, b) => a.uid - b.uid);
  }

  /**
   * Mails of ours of whose UID a Dovecot says nothing, below one that both know. It may have expunged them and
   * forgotten that; or it never had them, because a sync was cut or it could not save them. The second cannot be
   * ruled out, so they stay. It takes them only under UIDs above all that it knows: they get such ones after those
   * that both sides give out alike, and go with the next sync. Beyond the last common UID of a state it takes them.
   */
  #takeNotWantedThere(): LocalNew[] {
    const { peerKeepsExpunges, isOneWay, since } = this.#options;
    if (peerKeepsExpunges || isOneWay || since.lastCommonUid > 0 || since.localModSeq > 0) return [];
    const paired = new Set(this.#remoteNew.map(({ guid }) => guid));
    const ignored: LocalNew[] = [];
    const taken: LocalNew[] = [];
    for (const mail of this.#localNew)
      (mail.uid < this.#matchedUid && !paired.has(mail.guid) ? ignored : taken).push(mail);
    this.#localNew = taken;
    return ignored;
  }

  /** Takes a body that was asked for. */
  async addMail(item: MailItem, body: AsyncIterable<Uint8Array> | undefined): Promise<void> {
    const { user, counts } = this.#options;
    const guid = item.guid;
    if (guid === undefined) return;
    const staged =
      body === undefined
        ? undefined
        : await user.stageBody(counted(body, (bytes) => (counts.bytesReceived += bytes)));
    if (!this.#lost.has(guid) || this.#newMails.isWaitingFor(guid))
      return this.#newMails.take(guid, item, staged);
    await this.#lost.restore(guid, staged);
  }

  /** After the peer's last mail: writes the rest and says where the mailbox stands now. */
  async finish(): Promise<ImportResult> {
    const { snapshot, remote, isFull } = this.#options;
    await this.#newMails.finish();
    this.#options.planned.release(this.#heldBytes);
    if (this.#options.expungeLate !== undefined) this.#options.expungeLate(this.#expunges);
    else for (const change of this.#expunges) await this.#writer.push(change);
    await this.#writer.flush();
    const uidNext = Math.max(remote.uidNext, this.#uidNext);
    const { firstRecentUid } = remote;
    const { status: reached } = this.#writer;
    if (reached.uidNext < uidNext || reached.firstRecentUid < firstRecentUid) {
      await this.#writer.push({ type: 'raise', uidNext: asUid(uidNext), firstRecentUid });
      await this.#writer.flush();
    }
    const { isChangedMeanwhile, status } = this.#writer;
    const { missingUid } = this.#newMails;
    const reachedUid = isChangedMeanwhile ? snapshot.uidNext - 1 : uidNext - 1;
    return {
      lastCommonUid: missingUid === undefined ? reachedUid : Math.min(reachedUid, missingUid - 1),
      localModSeq:
        isChangedMeanwhile || missingUid !== undefined ? snapshot.highestModSeq : status.highestModSeq,
      messagesCount: status.messagesCount,
      // A mail that was expunged meanwhile has its own notification; one whose body is lost has no end.
      isChangedMeanwhile:
        isChangedMeanwhile || this.#offeredAnew > 0 || (missingUid !== undefined && !isFull),
      conflicts: this.#conflicts + this.#newMails.conflicts,
      renumbered: this.#renumbered,
      offeredAnew: this.#offeredAnew,
    };
  }

  /** Gives back what was staged, when the sync failed. */
  async abort(): Promise<void> {
    await this.#writer.abandon();
    await this.#newMails.discard();
  }
}
