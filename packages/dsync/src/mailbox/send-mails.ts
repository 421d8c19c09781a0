import type { Readable } from 'node:stream';
import { asMailGuid, DsyncdError } from '@dsyncd/core';
import type { MailboxMail, MailRecord } from '@dsyncd/mailstore';
import type { MailRequest } from '@dsyncd/protocol';
import { counted } from '../options.ts';
import type { Session } from '../session.ts';

const guidsAtOnce = 500;
/** Bodies that are opened while the ones before them are sent. */
const bodiesAhead = 32;

type BodyName = { readonly guid: string } | { readonly uid: MailRecord['uid'] };

interface OpenedMail {
  readonly name: BodyName;
  /** Missing: expunged meanwhile. */
  readonly mail: MailRecord | undefined;
  /** Missing: gone or lost. */
  readonly body: Readable | undefined;
}

/** Sends the bodies that the peer asked for. */
export async function sendMails(
  session: Session,
  mailbox: MailboxMail,
  requests: readonly MailRequest[],
): Promise<void> {
  const ordered = session.peerCan('expunges') ? requests : await inDovecotsOrder(session, mailbox, requests);
  for (let from = 0; from < ordered.length; from += guidsAtOnce) {
    const part = ordered.slice(from, from + guidsAtOnce);
    const mails = await mailsOf(mailbox, part);
    await inOrder(
      part,
      async (request) => openMail(session, mailbox, mails, request),
      async (opened) => sendMail(session, opened),
      ({ body }) => void body?.destroy(),
    );
  }
}

async function mailsOf(
  mailbox: MailboxMail,
  requests: readonly MailRequest[],
): Promise<ReadonlyMap<string, MailRecord>> {
  const guids = requests.flatMap(({ guid }) => (guid === undefined || guid === '' ? [] : [asMailGuid(guid)]));
  return new Map((await mailbox.mailsByGuid(guids)).map((mail) => [mail.guid as string, mail]));
}

/**
 * A Dovecot asks in no order, and keeps what it has when a sync is cut. What it has without a gap goes on as it
 * is; mails in a gap have to get new UIDs first: so they go by UID. In any other order, or with some left out, one that it
 * cannot save damages the index of sdbox (seen with 2.3.19): such a mail holds up those behind it.
 */
async function inDovecotsOrder(
  session: Session,
  mailbox: MailboxMail,
  requests: readonly MailRequest[],
): Promise<readonly MailRequest[]> {
  const asked: { readonly request: MailRequest; readonly uid: number }[] = [];
  for (let from = 0; from < requests.length; from += guidsAtOnce) {
    const part = requests.slice(from, from + guidsAtOnce);
    const mails = await mailsOf(mailbox, part);
    for (const request of part)
      asked.push({ request, uid: request.uid ?? mails.get(request.guid ?? '')?.uid ?? 0 });
  }
  asked.sort((a, b) => a.uid - b.uid);
  session.offeredUid = asked[0]?.uid;
  return asked.map(({ request }) => request);
}

/** Prepares some items ahead of the one whose turn it is; what a failure leaves unused is dropped. */
async function inOrder<Item, Ready>(
  items: readonly Item[],
  prepare: (item: Item) => Promise<Ready>,
  use: (ready: Ready) => Promise<void>,
  drop: (ready: Ready) => void,
): Promise<void> {
  const ahead: Promise<Ready>[] = [];
  let next = 0;
  const fill = (): void => {
    for (; next < items.length && ahead.length < bodiesAhead; next++) {
      const item = items[next];
      if (item === undefined) continue;
      const ready = prepare(item);
      // Its turn may come; if not, the rejection must not stay unhandled.
      ready.catch(() => {});
      ahead.push(ready);
    }
  };
  fill();
  try {
    for (let ready = ahead.shift(); ready !== undefined; ready = ahead.shift()) {
      fill();
      await use(await ready);
    }
  } finally {
    for (const ready of ahead) ready.then(drop, () => {});
  }
}

async function openMail(
  session: Session,
  mailbox: MailboxMail,
  mails: ReadonlyMap<string, MailRecord>,
  { guid, uid }: MailRequest,
): Promise<OpenedMail> {
  if (guid === undefined || guid === '') {
    const name = { uid: uid ?? (0 as MailRecord['uid']) };
    const mail = uid === undefined ? undefined : await mailbox.mail(uid);
    return { name, mail, body: mail && (await openBody(session, mailbox, mail)) };
  }
  const mail = mails.get(guid);
  const body = mail && (await openBody(session, mailbox, mail));
  if (mail === undefined || body !== undefined) return { name: { guid }, mail, body };
  // Our own import may have given it another UID since it was looked up.
  const [renumbered] = await mailbox.mailsByGuid([asMailGuid(guid)]);
  if (renumbered === undefined || renumbered.uid === mail.uid) return { name: { guid }, mail, body };
  return { name: { guid }, mail: renumbered, body: await openBody(session, mailbox, renumbered) };
}

async function sendMail(session: Session, { name, mail, body }: OpenedMail): Promise<void> {
  const { stream, counts } = session;
  await stream.send({
    type: 'mail',
    ...('guid' in name ? { guid: asMailGuid(name.guid) } : { uid: name.uid }),
    ...(mail === undefined ? {} : { receivedAt: mail.receivedAt, savedAt: mail.savedAt }),
    pop3Uidl: mail?.pop3Uidl,
    pop3Order: mail?.pop3Order,
    hasStream: body !== undefined,
  });
  if (body === undefined) return;
  counts.mailsSent++;
  await stream.sendBody(counted(body, (bytes) => (counts.bytesSent += bytes)));
}

async function openBody(
  session: Session,
  mailbox: MailboxMail,
  mail: MailRecord,
): Promise<Readable | undefined> {
  try {
    return await mailbox.body(mail.uid);
  } catch (error) {
    if (!(error instanceof DsyncdError)) throw error;
    if (error.code === 'DSYNCD_STORE_NO_MAIL') return undefined;
    if (error.code !== 'DSYNCD_STORE_BODY_LOST') throw error;
    noteLostBody(session, `the body of UID ${mail.uid} in mailbox ${mailbox.guid} is lost on this host`);
    return undefined;
  }
}

/**
 * The peer asks for a body that we have lost. A full sync fetches back what the peer can give of all
 * that is lost; one that comes to the same again would only do so for ever.
 */
function noteLostBody(session: Session, what: string): void {
  if (session.syncType === 'full') {
    session.conflicts.push(
      `${what} and not on the peer either: restore it from a backup, or expunge the mail`,
    );
    return;
  }
  session.requiresFullResync = true;
  session.changes.push(what);
}
