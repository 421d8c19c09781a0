import { asMailGuid, asUid, type Random, sortedKeywords } from '@dsyncd/core';
import { bodyLostError, keywordsError, limitError, noMailError } from '../errors.ts';
import type { ApplyResult, MailChange, MailPlace, SaveChange, StagedBody, StoreLimits } from '../port.ts';
import {
  allFlagBits,
  checkAttribute,
  checkKeywords,
  editFlags,
  emptyFlagModSeqs,
  isSameAttribute,
} from '../store-rules.ts';
import {
  asMemoryStage,
  type MemoryBody,
  type MemoryMail,
  type MemoryMails,
  type MemoryStage,
} from './memory-mails.ts';

export interface ApplyContext {
  readonly mails: MemoryMails;
  readonly random: Random;
  readonly nowSeconds: number;
  readonly limits: StoreLimits;
  readonly findMail: (place: MailPlace) => MemoryMail | undefined;
}

type ChangeResult = ApplyResult['results'][number];

/** Does all changes or, when one fails, none. */
export function applyChanges(context: ApplyContext, changes: readonly MailChange[]): ApplyResult {
  const before = context.mails.status();
  const results = context.mails.transaction(() => {
    const done = changes.map((change) => applyChange(context, change));
    checkLimits(context, changes);
    return done;
  });
  return { before, after: context.mails.status(), results };
}

function applyChange(context: ApplyContext, change: MailChange): ChangeResult {
  const { mails } = context;
  switch (change.type) {
    case 'save':
      return { uid: save(context, change) };
    case 'flags':
      return { changed: setFlags(mails, change) };
    case 'expunge':
      return { changed: expunge(mails, change) };
    case 'expunged-elsewhere':
      return { changed: expungedElsewhere(mails, change) };
    case 'attribute':
      return { changed: setAttribute(mails, change.attribute) };
    case 'raise':
      return { changed: mails.raise(change) };
  }
}

function save(context: ApplyContext, change: SaveChange) {
  const { mails, nowSeconds } = context;
  checkKeywords(change.keywords);
  const body = takeBody(context, change.body);
  const uid = mails.takeUid(change.uid);
  mails.put({
    body,
    bodyState: 'there',
    record: {
      uid,
      guid: change.guid ?? asMailGuid(context.random.hex(16)),
      modSeq: mails.nextModSeq(),
      flags: (change.flags ?? 0) & allFlagBits,
      keywords: sortedKeywords(change.keywords ?? []),
      flagModSeqs: emptyFlagModSeqs,
      receivedAt: change.receivedAt ?? nowSeconds,
      savedAt: change.savedAt ?? nowSeconds,
      size: body.size,
      virtualSize: body.virtualSize,
      pop3Uidl: change.pop3Uidl,
      pop3Order: change.pop3Order,
    },
  });
  return uid;
}

function takeBody(context: ApplyContext, body: StagedBody | MailPlace): MemoryBody {
  if ('mailbox' in body) {
    const mail = context.findMail(body);
    if (mail === undefined) throw noMailError(body);
    if (mail.bodyState !== 'there') throw bodyLostError(body);
    return mail.body;
  }
  const stage: MemoryStage = asMemoryStage(body);
  const taken = stage.take();
  context.mails.onUndo(() => stage.giveBack(taken));
  return taken;
}

function setFlags(mails: MemoryMails, change: MailChange & { readonly type: 'flags' }): boolean {
  checkKeywords(change.addKeywords);
  const mail = mails.get(change.uid);
  const edited = mail && editFlags(mail.record, change, mails.status().highestModSeq + 1);
  if (mail === undefined || edited === undefined) return false;
  mails.put({ ...mail, record: { ...mail.record, ...edited, modSeq: mails.nextModSeq() } });
  return true;
}

function expunge(mails: MemoryMails, change: MailChange & { readonly type: 'expunge' }): boolean {
  const mail = mails.get(change.uid);
  if (mail === undefined || (change.guid !== undefined && change.guid !== mail.record.guid)) return false;
  mails.remove(mail, mails.nextModSeq());
  return true;
}

function expungedElsewhere(
  mails: MemoryMails,
  change: MailChange & { readonly type: 'expunged-elsewhere' },
): boolean {
  if (change.uid === 0 || mails.get(change.uid) !== undefined || mails.expungeOf(change.uid) !== undefined)
    return false;
  mails.addExpunge({ uid: change.uid, guid: change.guid, modSeq: mails.nextModSeq() });
  mails.raise({ uidNext: asUid(change.uid + 1) });
  return true;
}

function setAttribute(
  mails: MemoryMails,
  attribute: (MailChange & { readonly type: 'attribute' })['attribute'],
): boolean {
  checkAttribute(attribute);
  if (isSameAttribute(mails.attribute(attribute.type, attribute.key), attribute)) return false;
  mails.setAttribute({ ...attribute, modSeq: mails.nextModSeq() });
  return true;
}

function checkLimits({ mails, limits }: ApplyContext, changes: readonly MailChange[]): void {
  if (mails.count > limits.mailsPerMailboxMax && changes.some((change) => change.type === 'save'))
    throw limitError(`more than ${limits.mailsPerMailboxMax} mails in mailbox ${mails.guid}`);
  const addsKeywords = changes.some(
    (change) =>
      (change.type === 'save' && change.keywords !== undefined) ||
      (change.type === 'flags' && change.addKeywords !== undefined),
  );
  if (addsKeywords && mails.keywordsInUse().size > limits.keywordsPerMailboxMax)
    throw keywordsError(mails.guid, limits.keywordsPerMailboxMax);
}
