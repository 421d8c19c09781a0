import { asUid, fail, type MailboxGuid, sortedKeywords, uint32Max } from '@dsyncd/core';
import { bodyLostError, limitError, noMailError, uidsExhaustedError } from '../../errors.ts';
import type { FlagModSeqs, MailboxAttribute, MailPlace, StoreLimits } from '../../port.ts';
import {
  allFlagBits,
  checkAttribute,
  checkKeywords,
  editFlags,
  emptyFlagModSeqs,
} from '../../store-rules.ts';
import { isMissing } from '../disk-errors.ts';
import type { WireApplied, WireChange, WireSave, WireStage } from '../wire.ts';
import { BodyMoves, bodyPath, removeBodies, storeStages, type TmpBody, unlinkIfThere } from './body-files.ts';
import { checkKeywordLimit, findMailboxRow, type MailboxRow, mailboxRow, statusOf } from './index-rows.ts';
import { noteLostBody } from './lost-bodies.ts';
import type { UserIndex } from './user-index.ts';

export interface ApplyContext {
  readonly limits: StoreLimits;
  /** Start of the names in `tmp`; no other call has the same. */
  readonly tmpPrefix: string;
}

type Change<Type extends WireChange['type']> = Extract<WireChange, { readonly type: Type }>;

/** Bodies come to disk first, without a lock; then one transaction moves them and writes the index. */
export async function apply(
  index: UserIndex,
  context: ApplyContext,
  guid: MailboxGuid,
  changes: readonly WireChange[],
): Promise<WireApplied> {
  const stages = changes.flatMap((change) => (change.type === 'save' ? stageOf(change) : []));
  const bodies = await storeStages(index.home, stages, (position) => `${context.tmpPrefix}.${position}`);
  const moves = new BodyMoves(index.home);
  try {
    const run = index.write(
      () => {
        const transaction = new ApplyTransaction(
          index,
          context.limits,
          moves,
          mailboxRow(index, guid),
          bodies,
        );
        transaction.run(changes);
        moves.sync();
        return transaction;
      },
      () => moves.undo(),
    );
    // Only now: until the commit the bodies belong to mails.
    removeBodies(run.expunged);
    return run.answer();
  } catch (error) {
    for (const [position, stage] of stages.entries())
      if (stage.kind === 'bytes') unlinkIfThere(bodies[position]?.path ?? '');
    if (error instanceof LostSource) {
      noteLostBody(index, error.place);
      throw bodyLostError(error.place);
    }
    throw error;
  }
}

const stageOf = (change: WireSave): readonly WireStage[] =>
  change.body.kind === 'place' ? [] : [change.body];

class LostSource extends Error {
  readonly place: MailPlace;

  constructor(place: MailPlace) {
    super('the body to copy is missing');
    this.place = place;
  }
}

class ApplyTransaction {
  /** Paths of bodies to remove after the commit. */
  readonly expunged: string[] = [];
  readonly #index: UserIndex;
  readonly #limits: StoreLimits;
  readonly #moves: BodyMoves;
  readonly #before: MailboxRow;
  readonly #id: number;
  readonly #bodies: Iterator<TmpBody, undefined>;
  #uidNext: number;
  #modSeq: number;
  #firstRecent: number;
  #messages: number;
  #results: WireApplied['results'] = [];

  constructor(
    index: UserIndex,
    limits: StoreLimits,
    moves: BodyMoves,
    before: MailboxRow,
    bodies: readonly TmpBody[],
  ) {
    this.#index = index;
    this.#limits = limits;
    this.#moves = moves;
    this.#before = before;
    this.#id = before.id;
    this.#bodies = bodies.values();
    this.#uidNext = before.uid_next;
    this.#modSeq = before.highest_modseq;
    this.#firstRecent = before.first_recent_uid;
    this.#messages = before.messages;
  }

  run(changes: readonly WireChange[]): void {
    this.#results = changes.map((change) =>
      change.type === 'save' ? { uid: this.#save(change) } : { changed: this.#change(change) },
    );
    if (this.#messages > this.#limits.mailsPerMailboxMax && changes.some((change) => change.type === 'save'))
      throw limitError(`more than ${this.#limits.mailsPerMailboxMax} mails in mailbox ${this.#before.guid}`);
    checkKeywordLimit(this.#index, this.#before, changes, this.#limits.keywordsPerMailboxMax);
    this.#index.run(
      'update mailboxes set uid_next = ?, highest_modseq = ?, first_recent_uid = ?, messages = ? where id = ?',
      this.#uidNext,
      this.#modSeq,
      this.#firstRecent,
      this.#messages,
      this.#id,
    );
  }

  answer(): WireApplied {
    const after = {
      ...this.#before,
      uid_next: this.#uidNext,
      highest_modseq: this.#modSeq,
      first_recent_uid: this.#firstRecent,
      messages: this.#messages,
    };
    return { before: statusOf(this.#before), after: statusOf(after), results: this.#results };
  }

  #change(change: Exclude<WireChange, WireSave>): boolean {
    switch (change.type) {
      case 'flags':
        return this.#flags(change);
      case 'expunge':
        return this.#expunge(change);
      case 'expunged-elsewhere':
        return this.#expungedElsewhere(change);
      case 'attribute':
        return this.#attribute(change.attribute);
      case 'raise':
        return this.#raise(change);
    }
  }

  #save(change: WireSave): ReturnType<typeof asUid> {
    checkKeywords(change.keywords);
    const uid = Math.max(change.uid ?? 0, this.#uidNext);
    if (uid >= uint32Max) throw uidsExhaustedError(this.#before.guid);
    const name = { receivedAt: change.receivedAt, guid: change.guid, uid };
    const { size, virtualSize } = this.#takeBody(change, name);
    this.#uidNext = uid + 1;
    this.#modSeq++;
    this.#messages++;
    this.#index.run(
      'insert into mails values (?, ?, ?, ?, ?, ?, null, ?, ?, ?, ?, ?, ?)',
      this.#id,
      uid,
      change.guid,
      this.#modSeq,
      change.flags & allFlagBits,
      toJson(sortedKeywords(change.keywords)),
      change.receivedAt,
      change.savedAt,
      size,
      virtualSize,
      change.pop3Uidl ?? null,
      change.pop3Order ?? null,
    );
    return asUid(uid);
  }

  #takeBody(
    change: WireSave,
    name: { readonly receivedAt: number; readonly guid: string; readonly uid: number },
  ): { readonly size: number; readonly virtualSize: number } {
    if (change.body.kind === 'place') return this.#share(change.body, name);
    const next = this.#bodies.next();
    const body = next.done === true ? fail('a save without its staged body') : next.value;
    this.#moves.place(body, this.#before.folder, { ...name, size: body.size });
    return body;
  }

  #share(
    place: MailPlace,
    name: { readonly receivedAt: number; readonly guid: string; readonly uid: number },
  ): { readonly size: number; readonly virtualSize: number } {
    const source = findMailboxRow(this.#index, place.mailbox);
    const mail =
      source &&
      this.#index.get<{ guid: string; received_at: number; size: number; virtual_size: number }>(
        'select guid, received_at, size, virtual_size from mails where mailbox = ? and uid = ?',
        source.id,
        place.uid,
      );
    if (source === undefined || mail === undefined) throw noMailError(place);
    const { guid, received_at: receivedAt, size, virtual_size: virtualSize } = mail;
    try {
      this.#moves.share(
        { folder: source.folder, name: { guid, receivedAt, size, uid: place.uid } },
        this.#before.folder,
        { ...name, size },
      );
    } catch (error) {
      throw isMissing(error) ? new LostSource(place) : error;
    }
    return { size, virtualSize };
  }

  #flags(change: Change<'flags'>): boolean {
    checkKeywords(change.addKeywords);
    const row = this.#index.get<{ flags: number; keywords: string | null; flag_modseqs: string | null }>(
      'select flags, keywords, flag_modseqs from mails where mailbox = ? and uid = ?',
      this.#id,
      change.uid,
    );
    if (row === undefined) return false;
    const state = {
      flags: row.flags,
      keywords: row.keywords === null ? [] : (JSON.parse(row.keywords) as string[]),
      flagModSeqs:
        row.flag_modseqs === null ? emptyFlagModSeqs : (JSON.parse(row.flag_modseqs) as FlagModSeqs),
    };
    const edited = editFlags(state, change, this.#modSeq + 1);
    if (edited === undefined) return false;
    this.#modSeq++;
    this.#index.run(
      'update mails set modseq = ?, flags = ?, keywords = ?, flag_modseqs = ? where mailbox = ? and uid = ?',
      this.#modSeq,
      edited.flags,
      toJson(edited.keywords),
      JSON.stringify(edited.flagModSeqs),
      this.#id,
      change.uid,
    );
    return true;
  }

  #expunge(change: Change<'expunge'>): boolean {
    const mail = this.#index.get<{ guid: string; received_at: number; size: number }>(
      'select guid, received_at, size from mails where mailbox = ? and uid = ?',
      this.#id,
      change.uid,
    );
    if (mail === undefined || (change.guid !== undefined && change.guid !== mail.guid)) return false;
    this.#index.run('delete from mails where mailbox = ? and uid = ?', this.#id, change.uid);
    this.#index.run('delete from lost where mailbox = ? and uid = ?', this.#id, change.uid);
    this.#noteExpunge(change.uid, mail.guid);
    this.#messages--;
    const { guid, received_at: receivedAt, size } = mail;
    this.expunged.push(
      bodyPath(this.#index.home, this.#before.folder, { guid, receivedAt, size, uid: change.uid }),
    );
    return true;
  }

  #expungedElsewhere(change: Change<'expunged-elsewhere'>): boolean {
    const isKnown =
      this.#index.get('select 1 from mails where mailbox = ? and uid = ?', this.#id, change.uid) ??
      this.#index.get('select 1 from expunges where mailbox = ? and uid = ?', this.#id, change.uid);
    if (change.uid === 0 || isKnown !== undefined) return false;
    this.#noteExpunge(change.uid, change.guid);
    this.#uidNext = Math.max(this.#uidNext, asUid(change.uid + 1));
    return true;
  }

  #noteExpunge(uid: number, guid: string): void {
    this.#modSeq++;
    this.#index.run('insert into expunges values (?, ?, ?, ?)', this.#id, uid, guid, this.#modSeq);
  }

  #attribute(attribute: Omit<MailboxAttribute, 'modSeq'>): boolean {
    checkAttribute(attribute);
    const row = this.#index.get<{ value: string | null; changed_at: number; modseq: number }>(
      'select value, changed_at, modseq from attributes where mailbox = ? and type = ? and key = ?',
      this.#id,
      attribute.type,
      attribute.key,
    );
    const isSame =
      row !== undefined &&
      (row.value ?? undefined) === attribute.value &&
      row.changed_at === attribute.changedAt;
    if (isSame) return false;
    this.#modSeq++;
    this.#index.run(
      'insert or replace into attributes values (?, ?, ?, ?, ?, ?)',
      this.#id,
      attribute.type,
      attribute.key,
      attribute.value ?? null,
      attribute.changedAt,
      this.#modSeq,
    );
    return true;
  }

  #raise(change: Change<'raise'>): boolean {
    const before = [this.#uidNext, this.#modSeq, this.#firstRecent];
    this.#uidNext = Math.max(this.#uidNext, change.uidNext ?? 0);
    this.#modSeq = Math.max(this.#modSeq, change.highestModSeq ?? 0);
    this.#firstRecent = Math.max(this.#firstRecent, change.firstRecentUid ?? 0);
    return before.join() !== [this.#uidNext, this.#modSeq, this.#firstRecent].join();
  }
}

const toJson = (keywords: readonly string[]): string | null =>
  keywords.length === 0 ? null : JSON.stringify(keywords);
