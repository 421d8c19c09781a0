import type { Logger, MailboxPath } from '@dsyncd/core';
import type { MailStore } from '@dsyncd/mailstore';
import type { Notifier } from '@dsyncd/notify';
import { Branch } from './branch.ts';
import type { Recipient } from './recipient.ts';
import { failureReply, savedReply, tooBigReply } from './reply.ts';
import { saveMail } from './save.ts';

/** What a delivery needs; the settings may be other ones for the next mail. */
export interface DeliveryParts {
  readonly store: MailStore;
  readonly notifier: Notifier;
  readonly logger: Logger;
  readonly createUsers: boolean;
  /** Mailboxes that a user may have for one more to be created by an address; 0: none is. */
  readonly autocreateMailboxesMax: number;
  readonly messageSizeLimitBytes: number;
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
    let mailbox: MailboxPath;
    try {
      const options = { createUser: createUsers, autocreateMailboxesMax };
      mailbox = await saveMail(store, recipient, this.branch, options);
    } catch (error) {
      if (error instanceof TooBig) return () => tooBigReply(parts.messageSizeLimitBytes);
      logger.warn({ user, error }, 'mail not saved');
      return (address) => failureReply(address, error);
    } finally {
      this.branch.drop();
    }
    const notice = await notifier.mailSaved(user);
    logger.info({ user, mailbox: mailbox.join('/'), replication: notice }, 'mail saved');
    return undefined;
  }
}
