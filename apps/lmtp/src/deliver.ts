import { DsyncdError, type Logger, type UserName } from '@dsyncd/core';
import type { MailStore } from '@dsyncd/mailstore';
import type { Notifier, RefusalNotes } from '@dsyncd/notify';
import type { Recipient } from './recipient.ts';
import { Branch, type Saved, saveMail } from './save.ts';

/** What a delivery needs; the settings may be other ones for the next mail. */
export interface DeliveryParts {
  readonly store: MailStore;
  readonly notifier: Notifier;
  readonly logger: Logger;
  readonly createUsers: boolean;
  /** Mailboxes that a user may have for one more to be created by an address; 0: none is. */
  readonly autocreateMailboxesMax: number;
  readonly messageSizeLimitBytes: number;
  /** Must the mail of this user be on a replica before it is answered with 250? */
  readonly requiresReplica: (user: UserName) => boolean;
  readonly refusals: Pick<RefusalNotes, 'refused' | 'accepted'>;
}

/**
 * Saves one mail for all recipients while it comes in, notifies dsyncd, and answers one reply a recipient.
 * @throws when the client is gone before the mail is complete; nothing is saved then.
 */
export async function deliver(
  parts: DeliveryParts,
  recipients: readonly Recipient[],
  mail: AsyncIterable<Buffer>,
): Promise<readonly string[]> {
  const copies = new Map<string, Copy>();
  for (const recipient of recipients) {
    const place = placeOf(recipient);
    if (!copies.has(place)) copies.set(place, new Copy(parts, recipient));
  }
  await feed(mail, [...copies.values()], parts.messageSizeLimitBytes);
  return Promise.all(
    recipients.map(async (recipient) => {
      const result = await copies.get(placeOf(recipient))?.result;
      return result === undefined ? savedReply(recipient.address) : result(recipient.address);
    }),
  );
}

/** An address given twice is one mail. */
const placeOf = ({ user, mailbox }: Recipient): string => [user, ...mailbox].join('/');

class TooBig extends Error {}

async function feed(mail: AsyncIterable<Buffer>, copies: readonly Copy[], bytesMax: number): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of mail) {
      bytes += chunk.length;
      // A mail that is too big is read to its end, or the client would never see the reply.
      if (bytes <= bytesMax) await Promise.all(copies.map(({ branch }) => branch.push(chunk)));
    }
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    for (const { branch } of copies) branch.fail(failure);
    await Promise.all(copies.map(({ result }) => result));
    throw error;
  }
  for (const { branch } of copies) {
    if (bytes > bytesMax) branch.fail(new TooBig());
    else branch.end();
  }
}

/** The mail for one recipient. `result` never rejects; it is the reply to a failure, or undefined for success. */
class Copy {
  readonly branch = new Branch();
  readonly result: Promise<((address: string) => string) | undefined>;

  constructor(parts: DeliveryParts, recipient: Recipient) {
    this.result = this.#save(parts, recipient);
  }

  async #save(
    parts: DeliveryParts,
    recipient: Recipient,
  ): Promise<((address: string) => string) | undefined> {
    const { store, notifier, logger, createUsers, autocreateMailboxesMax } = parts;
    const { user } = recipient;
    const isRequired = parts.requiresReplica(user);
    let saved: Saved;
    try {
      const options = { createUser: createUsers, autocreateMailboxesMax, findsEarlierTry: isRequired };
      saved = await saveMail(store, recipient, this.branch, options);
    } catch (error) {
      if (error instanceof TooBig) return () => tooBigReply(parts.messageSizeLimitBytes);
      logger.warn({ user, error }, 'mail not saved');
      return (address) => failureReply(address, error);
    } finally {
      this.branch.drop();
    }
    const notice = await notifier.mailSaved(user);
    const mailbox = saved.path.join('/');
    if (isRequired && notice !== 'synced') {
      parts.refusals.refused();
      logger.warn(
        { user, mailbox, replication: notice },
        'mail refused for now: it is here, but not on the replica',
      );
      return noReplicaReply;
    }
    if (isRequired) parts.refusals.accepted();
    const text = saved.isEarlierTry ? 'mail was saved by an earlier try' : 'mail saved';
    logger.info({ user, mailbox, replication: notice }, text);
    return undefined;
  }
}

/** A mail administrator reads it in a bounce or a queue listing, so it says which and why. */
const savedReply = (address: string): string => `250 2.0.0 <${printable(address)}> saved`;

const noReplicaReply = (address: string): string =>
  `451 4.4.1 <${printable(address)}> the second copy cannot be made now; try again later`;

export const tooBigReply = (bytesMax: number): string =>
  `552 5.3.4 The mail is larger than ${bytesMax} bytes`;

/**
 * The reply for a mail that could not be saved. Only what will never work is refused for good (5xx);
 * with anything else the mail stays in the sender's queue (4xx), where it is safe.
 */
export function failureReply(address: string, error: unknown): string {
  const { status, text } = classify(error);
  return `${status} <${printable(address)}> ${printable(text)}`;
}

function classify(error: unknown): { readonly status: string; readonly text: string } {
  const code = systemCode(error);
  // An error of the store comes from a worker thread, and without its cause.
  const isFull = error instanceof DsyncdError && error.code === 'DSYNCD_STORE_DISK_FULL';
  if (isFull || (code !== undefined && diskFullCodes.has(code)))
    return { status: '452 4.3.1', text: 'the disk is full; try again later' };
  if (!(error instanceof DsyncdError))
    return { status: '451 4.3.0', text: 'internal error; see the log of dsync-lmtp' };
  if (error.outcome === 'nouser') return { status: '550 5.1.1', text: error.message };
  if (error.outcome === 'busy') return { status: '450 4.2.0', text: error.message };
  if (error.code === 'DSYNCD_MAILBOX_NAME') return { status: '550 5.1.3', text: error.message };
  if (error.outcome === 'operator') return { status: '451 4.3.5', text: error.message };
  return { status: '451 4.3.0', text: error.message };
}

const diskFullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL']);

/** The first system error code along the causes. */
function systemCode(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined && !code.startsWith('DSYNCD_')) return code;
  return systemCode(error.cause, depth + 1);
}

/** One line of ASCII: replies are read by programs of any age. */
const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 400);
