import { asMailGuid, asModSeq, asUid } from '@dsyncd/core';
import { emptyFlagModSeqs } from '../flag-history.ts';
import type { FlagModSeqs, MailRecord } from '../port.ts';
import type { MailRow } from './wire.ts';

const noKeywords: readonly string[] = [];

/** The mails in a worker's answer. */
export const parseMails = (rows: string): readonly MailRecord[] =>
  (JSON.parse(rows) as MailRow[]).map(toRecord);

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
