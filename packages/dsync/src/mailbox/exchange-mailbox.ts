import { Readable } from 'node:stream';
import { bytesOfText, byteTextLength, DsyncdError, limits, textOfBytes } from '@dsyncd/core';
import type { MailboxMail, MailboxStatus } from '@dsyncd/mailstore';
import type { Attribute, DsyncStream, MailboxHeader, MailRequest } from '@dsyncd/protocol';
import { checkPeerUid } from '../peer-limits.ts';
import type { Session } from '../session.ts';
import { type CommonPoint, exportAttributes, exportChanges } from './export.ts';
import { MailboxImport } from './import.ts';
import type { BodyImporter, ChangeImporter, ImportOptions, ImportResult } from './importer.ts';
import { LeavingOut } from './left-out.ts';
import { MailboxOverwrite } from './overwrite.ts';
import { sendMails } from './send-mails.ts';

export interface MailboxExchange {
  readonly mailbox: MailboxMail;
  readonly snapshot: MailboxStatus;
  readonly remote: MailboxHeader;
  readonly since: CommonPoint;
}

const attributesMax = 100_000;
/** All attributes of a mailbox together: they are held until they are written. */
export const attributesBytesMax = 128 * 1024 * 1024;
/** Their lines: keys and dates too, and what had to be escaped. */
const attributeLinesBytesMax = 3 * attributesBytesMax;
/** Mails that are there, and as many that were expunged. */
const changesMax = 2 * limits.mailsPerMailboxMax;

/**
 * One mailbox, in three steps. In each step both sides send and receive at once, and a step begins when the one before it
 * has ended in both directions: its type asks for what only that one gives.
 *
 * ```
 *   state      send                     receive                    then
 *   changes    attributes, changes   |  attributes, changes     -> importer.finishChanges: may give our mails other UIDs
 *      |  Compared
 *   requests   bodies that we want   |  bodies the peer wants
 *      |  Asked
 *   bodies     bodies the peer wants |  bodies that we want     -> importer.finish: from here on mails may go
 *      |  ImportResult
 *   done
 * ```
 * Nothing is waited for that could come earlier: a peer sends no body before it has all of our requests. One way, each step
 * has one direction: the receiver sends requests alone, and the sender ({@link sendMailbox}) all but these.
 *
 * An error in either direction ends the other, aborts the stream and undoes what the importer holds.
 */
export async function exchangeMailbox(session: Session, exchange: MailboxExchange): Promise<ImportResult> {
  if (session.isOnlySending) return sendMailbox(session, exchange);
  const importer = importerOf(session, exchange);
  try {
    const compared = await exchangeChanges(session, exchange, importer);
    const asked = await exchangeRequests(session, compared);
    const result = await exchangeBodies(session, exchange, asked, importer);
    if (importer.leftOut !== undefined) session.leftOut.push(importer.leftOut);
    return result;
  } catch (error) {
    session.stream.abort(error);
    await importer.abort();
    throw error;
  }
}

/** Both sides have the other's changes. */
interface Compared {
  readonly weWant: readonly MailRequest[];
}

/** Both sides know which bodies the other wants. */
interface Asked {
  readonly peerWants: readonly MailRequest[];
}

async function exchangeChanges(
  session: Session,
  exchange: MailboxExchange,
  importer: ChangeImporter,
): Promise<Compared> {
  const sending = session.isOnlyReceiving ? undefined : sendChanges(session, exchange);
  await atOnce(session, sending, receiveChanges(session, exchange, importer));
  return { weWant: await importer.finishChanges() };
}

async function exchangeRequests(session: Session, compared: Compared): Promise<Asked> {
  const receiving = session.isOnlyReceiving ? { peerWants: [] } : receiveRequests(session);
  return atOnce(session, sendRequests(session, compared), receiving);
}

async function exchangeBodies(
  session: Session,
  { mailbox }: MailboxExchange,
  asked: Asked,
  importer: BodyImporter,
): Promise<ImportResult> {
  const sending = session.isOnlyReceiving ? undefined : sendBodies(session, mailbox, asked);
  await atOnce(session, sending, receiveBodies(session, importer));
  return importer.finish();
}

/** Both directions of one step. @returns what was received, when both have ended; the first error of either ends both. */
async function atOnce<T>(
  { stream }: Session,
  sending: Promise<void> | undefined,
  receiving: T | Promise<T>,
): Promise<T> {
  try {
    const [, received] = await Promise.all([sending, receiving]);
    return received;
  } catch (error) {
    stream.abort(error);
    await Promise.allSettled([sending, receiving]);
    throw error;
  }
}

/** One way: the peer asks for bodies and sends nothing of its own. */
async function sendMailbox(session: Session, exchange: MailboxExchange): Promise<ImportResult> {
  const { mailbox, snapshot } = exchange;
  await sendChanges(session, exchange);
  const asked = await receiveRequests(session);
  await sendBodies(session, mailbox, asked);
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

function importerOf(session: Session, { mailbox, snapshot, remote, since }: MailboxExchange): LeavingOut {
  const options: ImportOptions = {
    user: session.user,
    mailbox,
    snapshot,
    remote,
    since,
    isMaster: session.isMaster,
    peerKeepsExpunges: session.peerCan('expunges'),
    isDryRun: session.isDryRun,
    counts: session.counts,
    planned: session.planned,
    isOneWay: session.isOnlyReceiving,
    isFull: session.syncType === 'full',
    ...(session.peerCan('late-expunges') && !session.isDryRun
      ? {
          expungeLate: (changes) =>
            void (changes.length > 0 && session.lateExpunges.push({ mailbox, changes })),
        }
      : {}),
  };
  const importer = session.isOverwritten ? new MailboxOverwrite(options) : new MailboxImport(options);
  return new LeavingOut(importer, snapshot);
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

async function sendRequests({ stream }: Session, { weWant }: Compared): Promise<void> {
  for (const request of weWant) await stream.send(request);
  await stream.sendEnd();
  await stream.flush();
}

async function sendBodies(session: Session, mailbox: MailboxMail, { peerWants }: Asked): Promise<void> {
  await sendMails(session, mailbox, peerWants);
  await session.stream.sendEnd();
  await session.stream.flush();
}

async function receiveChanges(
  session: Session,
  { snapshot, remote }: MailboxExchange,
  importer: ChangeImporter,
): Promise<void> {
  const { stream } = session;
  await importer.start();
  let attributesBytes = 0;
  for await (const item of session.list('attribute', {
    countMax: attributesMax,
    bytesMax: attributeLinesBytesMax,
  })) {
    const value = item.hasStream ? await readText(stream.body()) : item.value;
    attributesBytes += byteTextLength(value ?? '');
    if (attributesBytes > attributesBytesMax)
      throw attributesTooLarge(`the attributes of a mailbox have more than ${attributesBytesMax} bytes`);
    await importer.addAttribute({ ...item, value });
  }
  for await (const change of session.list('change', {
    countMax: changesMax,
    bytesMax: Number.POSITIVE_INFINITY,
  })) {
    checkPeerUid(snapshot, change, remote.guid);
    await importer.addChange(change);
  }
}

async function receiveBodies(session: Session, importer: BodyImporter): Promise<void> {
  for await (const item of session.list('mail', {
    countMax: limits.mailsPerMailboxMax,
    bytesMax: Number.POSITIVE_INFINITY,
  }))
    await importer.addMail(item, item.hasStream ? session.stream.body() : undefined);
}

async function receiveRequests(session: Session): Promise<Asked> {
  const peerWants: MailRequest[] = [];
  for await (const request of session.list('request', {
    countMax: limits.mailsPerMailboxMax,
    bytesMax: limits.peerListBytesMax,
  }))
    peerWants.push(request);
  return { peerWants };
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
