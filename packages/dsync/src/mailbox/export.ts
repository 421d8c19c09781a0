import type { ModSeq } from '@dsyncd/core';
import type { ExpungeRecord, MailboxMail, MailboxStatus } from '@dsyncd/mailstore';
import { type Attribute, guid128, type MailChangeItem } from '@dsyncd/protocol';
import { readEntries } from './compare.ts';
import { changeOfMail, isTimedByDovecot } from './who-wins.ts';

/** From where on our side sends its changes: what both sides had in common after the last sync. */
export interface CommonPoint {
  /** 0: no common point, everything is sent. */
  readonly lastCommonUid: number;
  /** Our modseq up to which the peer knows our changes; 0 without a common point. */
  readonly localModSeq: number;
}

export async function* exportAttributes(
  mailbox: MailboxMail,
  since: CommonPoint,
  isPeerDovecot: boolean,
): AsyncGenerator<Attribute> {
  for (const attribute of await mailbox.attributes(since.localModSeq as ModSeq)) {
    yield {
      type: 'attribute',
      scope: attribute.type,
      key: attribute.key,
      value: attribute.value,
      hasStream: false,
      deleted: attribute.value === undefined,
      lastChange: isPeerDovecot && !isTimedByDovecot(attribute.key) ? 0 : attribute.changedAt,
      modSeq: attribute.modSeq,
    };
  }
}

/**
 * The changes of a mailbox since `since`, in batches, strictly ascending by UID: flag changes up to
 * the last common UID, saves above it, and expunges. Mails that come while this runs (UIDs from
 * `snapshot.uidNext` on) are left to the next sync. Reading begins with the call.
 */
export function exportChanges(
  mailbox: MailboxMail,
  since: CommonPoint,
  snapshot: MailboxStatus,
): AsyncGenerator<MailChangeItem[]> {
  const { lastCommonUid, localModSeq: modSeq } = since;
  const common = { afterUid: 0, lastUid: lastCommonUid, onlyChanged: true, modSeq };
  const recent = { afterUid: lastCommonUid, lastUid: snapshot.uidNext - 1, onlyChanged: false, modSeq };
  const ranges = [
    { kind: 'flags', pages: startNow(readEntries(mailbox, common)) },
    { kind: 'save', pages: startNow(readEntries(mailbox, recent)) },
  ] as const;
  return (async function* () {
    for (const { kind, pages } of ranges)
      for await (const entries of pages)
        yield entries.map((entry) =>
          entry.mail === undefined ? changeOfExpunge(entry.expunge) : changeOfMail(entry.mail, kind, modSeq),
        );
  })();
}

/** The first page is on its way before anyone asks for it: ranges read together wait for the store once. */
function startNow<Page>(pages: AsyncGenerator<Page, void>): AsyncGenerator<Page, void> {
  const first = pages.next();
  // The next read throws it; without one, something else has failed already.
  first.catch(() => {});
  return (async function* () {
    for (let page = await first; page.done !== true; page = await pages.next()) yield page.value;
  })();
}

const changeOfExpunge = ({ uid, guid, modSeq }: ExpungeRecord): MailChangeItem => ({
  type: 'change',
  kind: 'expunge',
  uid,
  guid: guid128(guid),
  modSeq,
  pvtModSeq: 0 as ModSeq,
  addFlags: 0,
  removeFlags: 0,
  finalFlags: 0,
  keywordsReset: false,
  keywords: [],
});
