import { Readable } from 'node:stream';
import {
  bytesOfText,
  byteTextLength,
  type Deferred,
  DsyncdError,
  deferred,
  limits,
  textOfBytes,
} from '@dsyncd/core';
import type { MailboxMail, MailboxStatus } from '@dsyncd/mailstore';
import type { Attribute, DsyncStream, MailboxHeader, MailRequest } from '@dsyncd/protocol';
import { checkPeerUid } from '../peer-limits.ts';
import type { Session } from '../session.ts';
import { type CommonPoint, exportAttributes, exportChanges } from './export.ts';
import { MailboxImport } from './import.ts';
import type { Importer, ImportOptions, ImportResult } from './importer.ts';
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
 * Both directions of one mailbox at once: our changes and the bodies that the peer asks for go out
 * while its changes and bodies come in. Each direction goes down its column; an arrow is a {@link Step} that the other
 * column waits for.
 *
 * ```
 *   send                                    receive
 *   attributes, changes                     attributes, changes -> importer
 *      |  exported ------------------------->  |
 *      |                                    importer.finishChanges (may give our mails other UIDs)
 *      |  <------------------------- ours      |
 *   requests for the bodies that we want    the peer's requests
 *      |  <----------------------- theirs      |
 *   bodies that the peer wants              bodies that we want -> importer
 *      |  sent ---------------------------->   |
 *   done                                    importer.finish (from here on mails may go)
 * ```
 * An error in either column fails every step, aborts the stream and undoes what the importer holds.
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
  const importer = new LeavingOut(
    session.isOverwritten ? new MailboxOverwrite(importOptions) : new MailboxImport(importOptions),
    snapshot,
  );
  const steps = {
    /** Our changes are all sent: from here on the import may renumber our mails. */
    exported: deferred<void>(),
    ours: deferred<readonly MailRequest[]>(),
    theirs: deferred<readonly MailRequest[]>(),
    /** The peer has every body that it asked for: from here on mails may go. */
    sent: deferred<void>(),
  };
  const sending = send(session, exchange, steps);
  const receiving = receive(session, exchange, importer, steps);
  try {
    const [, result] = await Promise.all([sending, receiving]);
    if (importer.leftOut !== undefined) session.leftOut.push(importer.leftOut);
    return result;
  } catch (error) {
    for (const step of Object.values(steps)) step.reject(error);
    session.stream.abort(error);
    await Promise.allSettled([sending, receiving]);
    await importer.abort();
    throw error;
  }
}

/** Something that one direction waits for the other to do. */
type Step<T> = Deferred<T>;

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
  steps.exported.resolve();
  for (const request of await steps.ours.promise) await stream.send(request);
  await stream.sendEnd();
  await stream.flush();
  if (!session.isOnlyReceiving) {
    await sendMails(session, mailbox, await steps.theirs.promise);
    await stream.sendEnd();
    await stream.flush();
  }
  steps.sent.resolve();
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
  for await (const request of session.list('request', {
    countMax: limits.mailsPerMailboxMax,
    bytesMax: limits.peerListBytesMax,
  }))
    requests.push(request);
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
  await steps.exported.promise;
  steps.ours.resolve(await importer.finishChanges());
  steps.theirs.resolve(session.isOnlyReceiving ? [] : await receiveRequests(session));
  for await (const item of session.list('mail', {
    countMax: limits.mailsPerMailboxMax,
    bytesMax: Number.POSITIVE_INFINITY,
  }))
    await importer.addMail(item, item.hasStream ? stream.body() : undefined);
  await steps.sent.promise;
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
