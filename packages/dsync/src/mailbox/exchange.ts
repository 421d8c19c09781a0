import { Readable } from 'node:stream';
import { asMailGuid, bytesOfText, byteTextLength, DsyncdError, limits, textOfBytes } from '@dsyncd/core';
import type { MailboxMail, MailboxStatus, MailRecord } from '@dsyncd/mailstore';
import type { Attribute, DsyncStream, MailboxHeader, MailRequest } from '@dsyncd/protocol';
import { counted } from '../counts.ts';
import type { Session } from '../session.ts';
import { type CommonPoint, exportAttributes, exportChanges } from './export.ts';
import { MailboxImport } from './import.ts';
import type { Importer, ImportOptions, ImportResult } from './importer.ts';
import { MailboxOverwrite } from './overwrite.ts';
import { checkPeerUid } from './peer-numbers.ts';

export interface MailboxExchange {
  readonly mailbox: MailboxMail;
  readonly snapshot: MailboxStatus;
  readonly remote: MailboxHeader;
  readonly since: CommonPoint;
}

const attributesMax = 100_000;
/** All attributes of a mailbox together: they are held until they are written. */
export const attributesBytesMax = 128 * 1024 * 1024;
/** Mails that are there, and as many that were expunged. */
const changesMax = 2 * limits.mailsPerMailboxMax;

/**
 * Both directions of one mailbox at once: our changes and the bodies that the peer asks for go out
 * while its changes and bodies come in.
 */
export async function exchangeMailbox(session: Session, exchange: MailboxExchange): Promise<ImportResult> {
  const { mailbox, snapshot, remote, since } = exchange;
  if (session.isOnlySending) return sendMailbox(session, exchange);
  const importOptions: ImportOptions = {
    user: session.user,
    mailbox,
    snapshot,
    remote,
    since,
    isMaster: session.isMaster,
    peerKeepsExpunges: session.peerCan('expunges'),
    isDryRun: session.isDryRun,
    counts: session.counts,
    isOneWay: session.isOnlyReceiving,
    isFull: session.syncType === 'full',
    ...(session.peerCan('late-expunges') && !session.isDryRun
      ? {
          expungeLate: (changes) =>
            void (changes.length > 0 && session.lateExpunges.push({ mailbox, changes })),
        }
      : {}),
  };
  const importer = session.isOverwritten
    ? new MailboxOverwrite(importOptions)
    : new MailboxImport(importOptions);
  const steps = {
    /** Our changes are all sent: from here on the import may renumber our mails. */
    exported: new Step<void>(),
    ours: new Step<readonly MailRequest[]>(),
    theirs: new Step<readonly MailRequest[]>(),
    /** The peer has every body that it asked for: from here on mails may go. */
    sent: new Step<void>(),
  };
  const sending = send(session, exchange, steps);
  const receiving = receive(session, exchange, importer, steps);
  try {
    const [, result] = await Promise.all([sending, receiving]);
    return result;
  } catch (error) {
    for (const step of Object.values(steps)) step.fail(error);
    session.stream.abort(error);
    await Promise.allSettled([sending, receiving]);
    await importer.abort();
    throw error;
  }
}

/** Something that one direction waits for the other to do. */
class Step<T> {
  readonly done: Promise<T>;
  finish: (value: T) => void = () => {};
  fail: (error: unknown) => void = () => {};

  constructor() {
    this.done = new Promise<T>((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
    this.done.catch(() => {});
  }
}

interface Steps {
  readonly exported: Step<void>;
  readonly ours: Step<readonly MailRequest[]>;
  readonly theirs: Step<readonly MailRequest[]>;
  readonly sent: Step<void>;
}

async function send(session: Session, exchange: MailboxExchange, steps: Steps): Promise<void> {
  const { stream } = session;
  const { mailbox } = exchange;
  if (!session.isOnlyReceiving) await sendChanges(session, exchange);
  steps.exported.finish();
  for (const request of await steps.ours.done) await stream.send(request);
  await stream.sendEnd();
  await stream.flush();
  if (!session.isOnlyReceiving) {
    await sendMails(session, mailbox, await steps.theirs.done);
    await stream.sendEnd();
    await stream.flush();
  }
  steps.sent.finish();
}

async function sendChanges(session: Session, exchange: MailboxExchange): Promise<void> {
  const { stream } = session;
  const { mailbox, snapshot, since } = exchange;
  const batches = exportChanges(mailbox, since, snapshot);
  for await (const attribute of exportAttributes(mailbox, since, !session.peerCan('expunges')))
    await sendAttribute(stream, attribute);
  await stream.sendEnd();
  for await (const changes of batches) for (const change of changes) await stream.send(change);
  await stream.sendEnd();
  await stream.flush();
}

/** A longer value goes as a stream of its own: one record is one line, which has a limit. */
const attributeInLineMax = 64 * 1024;

async function sendAttribute(stream: DsyncStream, attribute: Attribute): Promise<void> {
  const { value, ...name } = attribute;
  if (value === undefined || value.length <= attributeInLineMax) return stream.send(attribute);
  await stream.send({ ...name, hasStream: true });
  await stream.sendBody(Readable.from([bytesOfText(value)], { objectMode: false }));
}

/** One way: the peer asks for bodies and tells nothing of its own. */
async function sendMailbox(session: Session, exchange: MailboxExchange): Promise<ImportResult> {
  const { stream } = session;
  const { mailbox, snapshot } = exchange;
  await sendChanges(session, exchange);
  await sendMails(session, mailbox, await receiveRequests(session));
  await stream.sendEnd();
  await stream.flush();
  return {
    lastCommonUid: snapshot.uidNext - 1,
    localModSeq: snapshot.highestModSeq,
    messagesCount: snapshot.messagesCount,
    isChangedMeanwhile: false,
    conflicts: 0,
    renumbered: 0,
    offeredAnew: 0,
  };
}

async function receiveRequests(session: Session): Promise<readonly MailRequest[]> {
  const requests: MailRequest[] = [];
  for await (const request of session.list('request', limits.mailsPerMailboxMax)) requests.push(request);
  return requests;
}

async function receive(
  session: Session,
  { snapshot, remote }: MailboxExchange,
  importer: Importer,
  steps: Steps,
): Promise<ImportResult> {
  const { stream } = session;
  await importer.start();
  let attributesBytes = 0;
  for await (const item of session.list('attribute', attributesMax)) {
    const value = item.hasStream ? await readText(stream.body()) : item.value;
    attributesBytes += byteTextLength(value ?? '');
    if (attributesBytes > attributesBytesMax)
      throw attributesTooLarge(`the attributes of a mailbox have more than ${attributesBytesMax} bytes`);
    await importer.addAttribute({ ...item, ...(value === undefined ? {} : { value }) });
  }
  for await (const change of session.list('change', changesMax)) {
    checkPeerUid(snapshot, change, remote.guid);
    await importer.addChange(change);
  }
  await steps.exported.done;
  steps.ours.finish(await importer.finishChanges());
  steps.theirs.finish(session.isOnlyReceiving ? [] : await receiveRequests(session));
  for await (const item of session.list('mail', limits.mailsPerMailboxMax))
    await importer.addMail(item, item.hasStream ? stream.body() : undefined);
  await steps.sent.done;
  return importer.finish();
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size <= limits.attributeValueBytesMax) chunks.push(Buffer.from(chunk));
  }
  if (size > limits.attributeValueBytesMax)
    throw attributesTooLarge(`an attribute has more than ${limits.attributeValueBytesMax} bytes`);
  return textOfBytes(Buffer.concat(chunks));
}

const attributesTooLarge = (what: string): DsyncdError =>
  new DsyncdError('DSYNCD_PEER_LIMIT', what, { outcome: 'operator', hint: 'shorten them on the peer' });

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

async function sendMails(
  session: Session,
  mailbox: MailboxMail,
  requests: readonly MailRequest[],
): Promise<void> {
  const ordered = session.peerCan('expunges') ? requests : await inOrderOfUid(mailbox, requests);
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
 * is; mails in a gap have to get new UIDs first.
 */
async function inOrderOfUid(mailbox: MailboxMail, requests: readonly MailRequest[]): Promise<MailRequest[]> {
  const uids = new Map<MailRequest, number>();
  for (let from = 0; from < requests.length; from += guidsAtOnce) {
    const part = requests.slice(from, from + guidsAtOnce);
    const mails = await mailsOf(mailbox, part);
    for (const request of part) uids.set(request, request.uid ?? mails.get(request.guid ?? '')?.uid ?? 0);
  }
  return [...requests].sort((a, b) => (uids.get(a) ?? 0) - (uids.get(b) ?? 0));
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
      // It is looked at in its turn; when that never comes, no one must trip over it.
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
    ...(mail?.pop3Uidl === undefined ? {} : { pop3Uidl: mail.pop3Uidl }),
    ...(mail?.pop3Order === undefined ? {} : { pop3Order: mail.pop3Order }),
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
