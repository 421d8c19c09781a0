import { createHash } from 'node:crypto';
import { asMailGuid, type MailGuid } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import type { Recipient } from './recipient.ts';

/** Longer than MTAs try: Postfix gives up after 5 days, Exim after 4. */
export const earlierTryMsMax = 7 * 86_400_000;

/**
 * Knows a delivery again when the MTA tries it anew after a 451: the GUID of its mail is made from its user, its mailbox and its
 * bytes. So the mail itself is the record of the try. It survives restarts, it is gone when the mail is, and it
 * is on the replica with the mail, where an MTA that changed hosts finds it, too.
 *
 * All bytes count, since a Message-ID names mails that differ (a list's copy and the direct one). Only the
 * line `Delivery-date:` of Exim is left out, which is another one at every try.
 */
export class DeliveryIdentity {
  readonly #hash = createHash('sha256');

  constructor({ user, mailbox }: Recipient) {
    this.#hash.update(JSON.stringify([user, mailbox]));
  }

  /** The same bytes, noted on their way. */
  async *reading(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let header: Buffer | undefined = Buffer.alloc(0);
    for await (const chunk of body) {
      if (header === undefined) this.#hash.update(chunk);
      else {
        header = Buffer.concat([header, chunk]);
        if (header.length >= headerBytesMax || header.includes('\r\n\r\n')) {
          this.#hash.update(withoutDeliveryDate(header));
          header = undefined;
        }
      }
      yield chunk;
    }
    if (header !== undefined) this.#hash.update(withoutDeliveryDate(header));
  }

  /** To be asked once, after the last byte: `here`, or the GUID that the mail is to have; undefined: a new one. */
  async findIn(mail: UserMail, now = Date.now()): Promise<'here' | MailGuid | undefined> {
    const guid = asMailGuid(this.#hash.digest('hex').slice(0, 32));
    const place = (await mail.findBodies([guid])).get(guid);
    if (place === undefined) return guid;
    const found = await (await mail.mailbox(place.mailbox)).mail(place.uid);
    const isRecent = found !== undefined && now - found.savedAt * 1000 < earlierTryMsMax;
    return isRecent ? 'here' : undefined;
  }
}

/** Trace lines come first; what is above this need not be searched for one. */
const headerBytesMax = 65_536;

function withoutDeliveryDate(start: Buffer): Buffer {
  const end = start.indexOf('\r\n\r\n');
  const length = end < 0 ? start.length : end + 2;
  const header = start.toString('latin1', 0, length).replace(/^Delivery-date:[^\r\n]*\r\n/im, '');
  return Buffer.concat([Buffer.from(header, 'latin1'), start.subarray(length)]);
}
