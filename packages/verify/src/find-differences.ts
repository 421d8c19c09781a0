import {
  asUid,
  type MailboxGuid,
  type MailboxPath,
  type MailGuid,
  type Uid,
  type UserName,
} from '@dsyncd/core';
import { comparableKeywords, isEqualDigest, type MailSummary } from './digest.ts';
import type { MailboxSummary, UidRange, VerifySide } from './side.ts';

export type Where = 'here' | 'there';

/** One thing in which the two sides differ. `here` is the side that was named first. */
export type Difference =
  | { readonly kind: 'user-missing'; readonly missing: Where }
  | {
      readonly kind: 'mailbox-missing';
      readonly path: MailboxPath;
      readonly missing: Where;
      readonly mails: number;
    }
  | { readonly kind: 'subscription'; readonly path: MailboxPath; readonly subscribed: Where }
  | {
      readonly kind: 'mailbox-guid' | 'uidvalidity';
      readonly path: MailboxPath;
      readonly here: string;
      readonly there: string;
    }
  | {
      readonly kind: 'mail-missing';
      readonly path: MailboxPath;
      readonly missing: Where;
      readonly uid: Uid;
      readonly guid: MailGuid;
    }
  | {
      readonly kind: 'mail-uid';
      readonly path: MailboxPath;
      readonly guid: MailGuid;
      readonly here: Uid;
      readonly there: Uid;
    }
  | {
      readonly kind: 'flags';
      readonly path: MailboxPath;
      readonly uid: Uid;
      readonly guid: MailGuid;
      readonly here: FlagSet;
      readonly there: FlagSet;
    };

export interface FlagSet {
  readonly flags: number;
  readonly keywords: readonly string[];
}

export interface Comparison {
  readonly mailboxes: number;
  /** On this host. */
  readonly mails: number;
  readonly differences: readonly Difference[];
  /** There are more; the mails of the rest were not compared one by one. */
  readonly isCut: boolean;
}

/** Ranges that one question asks about, and mails that are listed rather than narrowed down further. */
const parts = 32;
const listedMax = 500;

/** Compares all that a user has. @param differencesMax - no more are collected */
export async function findDifferences(
  user: UserName,
  here: VerifySide,
  there: VerifySide,
  differencesMax = 1_000,
): Promise<Comparison> {
  const [ours, theirs] = await Promise.all([here.mailboxes(user), there.mailboxes(user)]);
  const differences: Difference[] = [];
  if (ours === undefined || theirs === undefined) {
    if (ours !== theirs)
      differences.push({ kind: 'user-missing', missing: ours === undefined ? 'here' : 'there' });
    return { mailboxes: 0, mails: 0, differences, isCut: false };
  }
  const byPath = new Map(theirs.map((mailbox) => [keyOf(mailbox), mailbox]));
  for (const mailbox of ours) {
    const other = byPath.get(keyOf(mailbox));
    byPath.delete(keyOf(mailbox));
    if (other === undefined) differences.push(missing(mailbox, 'there'));
    else
      for await (const found of mailboxDifferences(user, [here, mailbox], [there, other])) {
        if (differences.length >= differencesMax) break;
        differences.push(found);
      }
  }
  for (const mailbox of byPath.values()) differences.push(missing(mailbox, 'here'));
  return {
    mailboxes: ours.length,
    mails: ours.reduce((sum, { mail }) => sum + (mail?.digest.count ?? 0), 0),
    differences: differences.slice(0, differencesMax),
    isCut: differences.length >= differencesMax,
  };
}

const keyOf = ({ path }: Pick<MailboxSummary, 'path'>): string => path.join('\0');

const missing = ({ path, mail }: MailboxSummary, where: Where): Difference => ({
  kind: 'mailbox-missing',
  path,
  missing: where,
  mails: mail?.digest.count ?? 0,
});

type Half = readonly [VerifySide, MailboxSummary];

async function* mailboxDifferences(
  user: UserName,
  [here, ours]: Half,
  [there, theirs]: Half,
): AsyncGenerator<Difference> {
  const { path } = ours;
  if (ours.subscribed !== theirs.subscribed)
    yield { kind: 'subscription', path, subscribed: ours.subscribed ? 'here' : 'there' };
  const [mine, other] = [ours.mail, theirs.mail];
  if (mine === undefined || other === undefined) {
    if (mine !== other)
      yield missing(mine === undefined ? theirs : ours, mine === undefined ? 'here' : 'there');
    return;
  }
  if (mine.guid !== other.guid) yield { kind: 'mailbox-guid', path, here: mine.guid, there: other.guid };
  if (mine.uidValidity !== other.uidValidity)
    yield { kind: 'uidvalidity', path, here: String(mine.uidValidity), there: String(other.uidValidity) };
  if (isEqualDigest(mine.digest, other.digest)) return;
  const range = { from: asUid(1), to: asUid(Math.max(mine.uidNext, other.uidNext) - 1) };
  const unequal = unequalMails(
    user,
    { side: here, guid: mine.guid },
    { side: there, guid: other.guid },
    range,
  );
  yield* mailDifferences(path, unequal);
}

interface Place {
  readonly side: VerifySide;
  readonly guid: MailboxGuid;
}

interface MailsOfBoth {
  readonly here: readonly MailSummary[];
  readonly there: readonly MailSummary[];
}

/** The mails of both sides in those ranges that are not equal, found by splitting what differs again and again. */
async function* unequalMails(
  user: UserName,
  here: Place,
  there: Place,
  range: UidRange,
): AsyncGenerator<MailsOfBoth> {
  const ranges = split(range);
  const [ours, theirs] = await Promise.all(
    [here, there].map(({ side, guid }) => side.digests(user, guid, ranges)),
  );
  for (const [index, part] of ranges.entries()) {
    const [mine, other] = [ours?.[index], theirs?.[index]];
    if (mine === undefined || other === undefined || isEqualDigest(mine, other)) continue;
    if (Math.max(mine.count, other.count) > listedMax && part.to > part.from)
      yield* unequalMails(user, here, there, part);
    else
      yield {
        here: await here.side.mails(user, here.guid, part),
        there: await there.side.mails(user, there.guid, part),
      };
  }
}

function split({ from, to }: UidRange): UidRange[] {
  const size = Math.max(1, Math.ceil((to - from + 1) / parts));
  const ranges: UidRange[] = [];
  for (let start: number = from; start <= to; start += size)
    ranges.push({ from: asUid(start), to: asUid(Math.min(to, start + size - 1)) });
  return ranges;
}

/** A mail that has another UID on the other side may be in another range there: what is left over is matched in the end. */
async function* mailDifferences(
  path: MailboxPath,
  unequal: AsyncIterable<MailsOfBoth>,
): AsyncGenerator<Difference> {
  const onlyHere: MailSummary[] = [];
  const onlyThere: MailSummary[] = [];
  for await (const { here, there } of unequal) {
    const theirs = new Map(there.map((mail) => [mail.uid, mail]));
    for (const mail of here) {
      const other = theirs.get(mail.uid);
      if (other?.guid !== mail.guid) {
        onlyHere.push(mail);
        continue;
      }
      theirs.delete(mail.uid);
      if (!hasSameFlags(mail, other))
        yield {
          kind: 'flags',
          path,
          uid: mail.uid,
          guid: mail.guid,
          here: flagSet(mail),
          there: flagSet(other),
        };
    }
    onlyThere.push(...theirs.values());
  }
  const byGuid = Map.groupBy(onlyThere, ({ guid }) => guid);
  for (const { uid, guid } of onlyHere) {
    const other = byGuid.get(guid)?.shift();
    if (other === undefined) yield { kind: 'mail-missing', path, missing: 'there', uid, guid };
    else yield { kind: 'mail-uid', path, guid, here: uid, there: other.uid };
  }
  for (const { uid, guid } of [...byGuid.values()].flat())
    yield { kind: 'mail-missing', path, missing: 'here', uid, guid };
}

const flagSet = ({ flags, keywords }: MailSummary): FlagSet => ({ flags, keywords });

const hasSameFlags = (one: MailSummary, other: MailSummary): boolean =>
  one.flags === other.flags && comparableKeywords(one).join(' ') === comparableKeywords(other).join(' ');
