import { createHash } from 'node:crypto';
import { asModSeq, asUid, parseUserName } from '@dsyncd/core';
import { type MailboxNode, type MailStore, systemFlags, type UserMail } from '@dsyncd/mailstore';
import type { MailboxSnapshot, MailSnapshot } from '../scenario/compare.ts';
import type { Dovecot } from './dovecot.ts';

export interface ListingOptions {
  /** Also reads every body; line ends count as CRLF, since a Dovecot stores them as it likes. */
  readonly withBodies?: boolean;
  /** Names of mailboxes whose attributes are compared. */
  readonly attributesOf?: readonly string[];
}

/**
 * What a user has on a real Dovecot, in the same form as {@link listStore}. What fails for now is tried again, as any client does: a
 * Dovecot whose mailboxes were just renamed and deleted may say so once.
 */
export async function listDovecot(
  dovecot: Dovecot,
  user: string,
  options: ListingOptions = {},
): Promise<MailSnapshot> {
  for (let tries = 1; ; tries++)
    try {
      return await listOnce(dovecot, user, options);
    } catch (error) {
      if (tries === triesMax || !(error instanceof Error) || !error.message.includes(temporaryFailure))
        throw error;
    }
}

const triesMax = 3;
const temporaryFailure = '"exitCode":75';

async function listOnce(dovecot: Dovecot, user: string, options: ListingOptions): Promise<MailSnapshot> {
  const field = ['guid', 'uidvalidity', 'uidnext'];
  const statuses = await dovecot.api('mailboxStatus', { user, field, mailboxMask: ['*'] });
  const mails = await mailsOf(dovecot, user, options);
  const mailboxes = new Map<string, MailboxSnapshot>();
  for (const { mailbox: name = '', guid, uidvalidity, uidnext } of statuses)
    mailboxes.set(name, {
      identity: `guid=${guid} uidvalidity=${uidvalidity} uidnext=${uidnext}`,
      mails: mails.get(name) ?? [],
      attributes: options.attributesOf?.includes(name) ? await attributesOf(dovecot, user, name) : [],
    });
  const subscribed = await dovecot.api('mailboxList', { user, subscriptions: true, mailboxMask: ['*'] });
  return { mailboxes, names: subscribed.map(({ mailbox }) => `${mailbox} subscribed`).sort() };
}

async function mailsOf(
  dovecot: Dovecot,
  user: string,
  { withBodies = false }: ListingOptions,
): Promise<Map<string, string[]>> {
  const fields = ['mailbox', 'uid', 'guid', 'flags', 'size.virtual', 'date.received.unixtime'];
  if (withBodies) fields.push('text');
  const byMailbox = new Map<string, string[]>();
  const rows = await dovecot.api('fetch', { user, field: fields, query: ['mailbox', '*'] });
  const isOurs = (word: string): boolean => word !== '' && word !== '\\Recent';
  for (const { mailbox = '', uid, guid, flags = '', text = '', ...row } of rows) {
    const list = byMailbox.get(mailbox) ?? [];
    byMailbox.set(mailbox, list);
    const words = flags.split(' ').filter(isOurs).sort().join(' ');
    list.push(
      mailLine({
        ...{ uid, guid, words, size: row['size.virtual'], receivedAt: row['date.received.unixtime'] },
        ...(withBodies ? { hash: hashText(text) } : {}),
      }),
    );
  }
  return byMailbox;
}

interface MailLine {
  readonly uid: string | number | undefined;
  readonly guid: string | undefined;
  readonly words: string;
  readonly size: string | number | undefined;
  readonly receivedAt: string | number | undefined;
  readonly hash?: string;
}

const mailLine = ({ uid, guid, words, size, receivedAt, hash = '' }: MailLine): string =>
  `uid=${uid} guid=${guid} flags=${words} size=${size} received=${receivedAt}${hash}`;

const hashText = (text: string): string =>
  ` body=${createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex')}`;

async function attributesOf(dovecot: Dovecot, user: string, mailbox: string): Promise<string[]> {
  const scopes = ['private', 'shared'];
  const listed = await dovecot.apiCalls(
    scopes.map((scope) => ['mailboxMetadataList', { user, mailbox, keyPrefix: `/${scope}` }]),
  );
  const found = listed.flatMap((rows, index) => rows.map(({ key }) => ({ scope: scopes[index], key })));
  const values = await dovecot.apiCalls(
    found.map(({ scope, key }) => ['mailboxMetadataGet', { user, mailbox, key: `/${scope}/${key}` }]),
  );
  const attributes = found.map(({ scope, key }, index) => ({ scope, key, value: values[index]?.[0]?.value }));
  // It also lists what a mailbox could have.
  return [
    ...new Set(
      attributes
        .filter(({ value = '' }) => value !== '')
        .map(({ scope, key, value }) => `${scope} ${key}=${value}`),
    ),
  ].sort();
}

/** What a user has in a built-in store, in the same form as {@link listDovecot}. */
export async function listStore(
  store: MailStore,
  user: string,
  options: ListingOptions = {},
): Promise<MailSnapshot> {
  const mail = await store.open(parseUserName(user));
  try {
    const mailboxes = new Map<string, MailboxSnapshot>();
    const names: string[] = [];
    for (const node of (await mail.tree()).nodes) {
      const name = node.path.join('/');
      if (node.subscribed) names.push(`${name} subscribed`);
      const mailbox = await listMailbox(mail, node, options);
      if (mailbox !== undefined) mailboxes.set(name, mailbox);
    }
    return { mailboxes, names: names.sort() };
  } finally {
    await mail.close();
  }
}

async function listMailbox(
  user: UserMail,
  { mailbox: status, path }: MailboxNode,
  { withBodies = false, attributesOf: wanted = [] }: ListingOptions,
): Promise<MailboxSnapshot | undefined> {
  if (status === undefined) return undefined;
  const mailbox = await user.mailbox(status.guid);
  const mails: string[] = [];
  const pageMails = 1000;
  for (let from = 1; ; ) {
    const page = await mailbox.mails(asUid(from), pageMails);
    for (const { uid, guid, flags, keywords, virtualSize: size, receivedAt } of page) {
      const set = systemFlags.filter((_, position) => (flags & (1 << position)) !== 0);
      const words = [...set, ...keywords].sort().join(' ');
      const hash = withBodies ? { hash: hashText(await readText(await mailbox.body(uid))) } : {};
      mails.push(mailLine({ uid, guid, words, size, receivedAt, ...hash }));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageMails) break;
    from = last.uid + 1;
  }
  const attributes = wanted.includes(path.join('/')) ? await mailbox.attributes(asModSeq(0)) : [];
  return {
    identity: `guid=${status.guid} uidvalidity=${status.uidValidity} uidnext=${status.uidNext}`,
    mails,
    attributes: attributes
      .filter(({ value }) => value !== undefined)
      .map(({ type, key, value }) => `${type} ${key}=${value}`)
      .sort(),
  };
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
