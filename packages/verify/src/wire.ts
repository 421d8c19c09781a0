import {
  asMailboxGuid,
  asMailGuid,
  asUid,
  asUidValidity,
  DsyncdError,
  InvariantError,
  type MailboxGuid,
  type UserName,
} from '@dsyncd/core';
import type { Digest, MailSummary } from './digest.ts';
import type { MailboxSummary, UidRange, VerifySide } from './side.ts';

/**
 * A side on another host: each call is one query and one answer, both JSON.
 *
 * ```text
 * { "ask": "mailboxes" }                                        [[path, subscribed, guid, uidValidity, uidNext, count, sum], ...] or null
 * { "ask": "digests", "mailbox": GUID, "ranges": [from, to, ...] }   [count, sum, ...]
 * { "ask": "mails", "mailbox": GUID, "ranges": [from, to] }          [[uid, guid, flags, keyword, ...], ...]
 * ```
 *
 * A name without mail is `[path, subscribed]`.
 */
export interface QueryAnswer {
  readonly answer: unknown;
}

/** Asks the other host: the answer is what {@link answerQuery} gave there. */
export type Ask = (user: UserName, query: string) => Promise<unknown>;

/** So many ranges fit into one command line. */
const rangesPerQuery = 200;

export class RemoteSide implements VerifySide {
  readonly name: string;
  readonly #ask: Ask;

  constructor(name: string, ask: Ask) {
    this.name = name;
    this.#ask = ask;
  }

  async mailboxes(user: UserName): Promise<readonly MailboxSummary[] | undefined> {
    const answer = await this.#query(user, { ask: 'mailboxes' });
    return answer === null ? undefined : decoded(() => listOf(answer).map(mailboxOf));
  }

  async digests(
    user: UserName,
    mailbox: MailboxGuid,
    ranges: readonly UidRange[],
  ): Promise<readonly Digest[]> {
    const found: Digest[] = [];
    for (let start = 0; start < ranges.length; start += rangesPerQuery) {
      const asked = ranges.slice(start, start + rangesPerQuery);
      const answer = listOf(
        await this.#query(user, {
          ask: 'digests',
          mailbox,
          ranges: asked.flatMap(({ from, to }) => [from, to]),
        }),
      );
      if (answer.length !== 2 * asked.length) throw badAnswer('another number of digests');
      for (let at = 0; at < answer.length; at += 2) found.push(digestFrom(answer[at], answer[at + 1]));
    }
    return found;
  }

  async mails(user: UserName, mailbox: MailboxGuid, { from, to }: UidRange): Promise<readonly MailSummary[]> {
    const answer = await this.#query(user, { ask: 'mails', mailbox, ranges: [from, to] });
    return decoded(() => listOf(answer).map(mailOf));
  }

  async #query(user: UserName, query: object): Promise<unknown> {
    const answer = await this.#ask(user, JSON.stringify(query));
    if (typeof answer !== 'object' || answer === null || !('answer' in answer)) throw badAnswer('no answer');
    return answer.answer;
  }
}

/** The other end of {@link RemoteSide}. @throws {DsyncdError} `DSYNCD_VERIFY_QUERY` for a query that is none */
export async function answerQuery(side: VerifySide, user: UserName, text: string): Promise<QueryAnswer> {
  const { ask, mailbox, ranges } = queryOf(text);
  if (ask === 'mailboxes') return { answer: (await side.mailboxes(user))?.map(mailboxRow) ?? null };
  const guid = asMailboxGuid(mailbox);
  if (ask === 'digests') {
    const digests = await side.digests(user, guid, ranges);
    return { answer: digests.flatMap(({ count, sum }) => [count, sum]) };
  }
  const [range] = ranges;
  const mails = range === undefined ? [] : await side.mails(user, guid, range);
  return { answer: mails.map(({ uid, guid: id, flags, keywords }) => [uid, id, flags, ...keywords]) };
}

interface Query {
  readonly ask: 'mailboxes' | 'digests' | 'mails';
  readonly mailbox: string;
  readonly ranges: readonly UidRange[];
}

function queryOf(text: string): Query {
  try {
    const { ask, mailbox = '', ranges = [] } = JSON.parse(text) as Record<string, unknown>;
    const numbers = listOf(ranges).map(Number);
    if (ask !== 'mailboxes' && ask !== 'digests' && ask !== 'mails') throw new Error('unknown question');
    if (numbers.length > 2 * rangesPerQuery || numbers.length % 2 !== 0)
      throw new Error('wrong number of ranges');
    const pairs: UidRange[] = [];
    for (let at = 0; at < numbers.length; at += 2)
      pairs.push({ from: asUid(numbers[at] ?? 0), to: asUid(numbers[at + 1] ?? 0) });
    return { ask, mailbox: String(mailbox), ranges: pairs };
  } catch (error) {
    throw new DsyncdError('DSYNCD_VERIFY_QUERY', 'a query of dsyncadm verify that cannot be read', {
      outcome: 'operator',
      hint: 'both hosts need the same version of dsyncd',
      cause: error,
    });
  }
}

const mailboxRow = ({ path, subscribed, mail }: MailboxSummary): readonly unknown[] =>
  mail === undefined
    ? [path, subscribed]
    : [path, subscribed, mail.guid, mail.uidValidity, mail.uidNext, mail.digest.count, mail.digest.sum];

function mailboxOf(row: unknown): MailboxSummary {
  const [path, subscribed, guid, uidValidity, uidNext, count, sum] = listOf(row);
  const name = { path: listOf(path).map(String), subscribed: subscribed === true };
  if (guid === undefined) return name;
  return {
    ...name,
    mail: {
      guid: asMailboxGuid(String(guid)),
      uidValidity: asUidValidity(Number(uidValidity)),
      uidNext: asUid(Number(uidNext)),
      digest: digestFrom(count, sum),
    },
  };
}

function mailOf(row: unknown): MailSummary {
  const [uid, guid, flags, ...keywords] = listOf(row);
  return {
    uid: asUid(Number(uid)),
    guid: asMailGuid(String(guid)),
    flags: Number(flags),
    keywords: keywords.map(String),
  };
}

/** What another host says may be anything. */
function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw error instanceof InvariantError ? badAnswer('what is no answer') : error;
  }
}

const digestFrom = (count: unknown, sum: unknown): Digest => ({ count: Number(count), sum: String(sum) });

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw badAnswer('no list');
}

const badAnswer = (what: string): DsyncdError =>
  new DsyncdError('DSYNCD_VERIFY_QUERY', `the other host answers dsyncadm verify with ${what}`, {
    outcome: 'operator',
    hint: 'both hosts need the same version of dsyncd',
  });
