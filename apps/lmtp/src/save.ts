import { DsyncdError, type MailboxPath } from '@dsyncd/core';
import type { MailboxMail, MailStore, SaveChange, UserMail } from '@dsyncd/mailstore';
import { DeliveryIdentity } from './delivery-identity.ts';
import { inbox, type Recipient } from './recipient.ts';

interface SaveOptions {
  readonly createUser: boolean;
  /** Mailboxes that the user may have for one more to be created; 0: none is. */
  readonly autocreateMailboxesMax: number;
  /** The same mail may have been saved here by a try that was answered with 4xx: it is not saved twice then. */
  readonly findsEarlierTry?: boolean;
}

export interface Saved {
  /** Where the mail is, or was put by the earlier try. */
  readonly path: MailboxPath;
  readonly isEarlierTry: boolean;
}

/**
 * Saves a mail, as its bytes come, for one recipient: into the mailbox of the address, or into INBOX where that
 * does not exist and may not be created.
 *
 * @returns where it was saved, once it is on disk
 */
export async function saveMail(
  store: MailStore,
  recipient: Recipient,
  body: AsyncIterable<Uint8Array>,
  options: SaveOptions,
): Promise<Saved> {
  const mail = await store.open(recipient.user, { create: options.createUser });
  try {
    const identity = options.findsEarlierTry === true ? new DeliveryIdentity(recipient) : undefined;
    const staged = await mail.stageBody(identity === undefined ? body : identity.reading(body));
    try {
      const earlier = await identity?.findIn(mail);
      if (earlier === 'here') {
        await staged.discard();
        return { path: recipient.mailbox, isEarlierTry: true };
      }
      const change = { type: 'save', body: staged, guid: earlier } as const;
      return { path: await saveInto(mail, recipient, change, options), isEarlierTry: false };
    } catch (error) {
      await staged.discard();
      throw error;
    }
  } finally {
    await mail.close();
  }
}

const attemptsMax = 5;

/** A sync may give the mailbox another GUID, or delete it, between the look and the save. */
async function saveInto(
  mail: UserMail,
  recipient: Recipient,
  change: SaveChange,
  options: SaveOptions,
): Promise<MailboxPath> {
  for (let attempt = 1; ; attempt++)
    try {
      const { path, mailbox } = await openTarget(mail, recipient, options);
      await mailbox.apply([change]);
      return path;
    } catch (error) {
      if (!has(error, 'DSYNCD_STORE_NO_MAILBOX') || attempt === attemptsMax) throw error;
    }
}

interface Target {
  readonly path: MailboxPath;
  readonly mailbox: MailboxMail;
}

async function openTarget(
  mail: UserMail,
  { mailbox: path }: Recipient,
  options: SaveOptions,
): Promise<Target> {
  const found = await mail.mailboxByPath(path);
  if (found !== undefined) return { path, mailbox: found };
  const isInbox = path.length === 1 && path[0] === inbox[0];
  if (isInbox || (await mayCreate(mail, options)))
    try {
      return { path, mailbox: await createMailbox(mail, path) };
    } catch (error) {
      // A name that the store cannot take, say beside one that differs by case only: no reason to refuse the mail.
      if (isInbox || !(error instanceof DsyncdError) || error.outcome !== 'operator') throw error;
    }
  return {
    path: inbox,
    mailbox: (await mail.mailboxByPath(inbox)) ?? (await createMailbox(mail, inbox)),
  };
}

async function mayCreate(mail: UserMail, { autocreateMailboxesMax }: SaveOptions): Promise<boolean> {
  if (autocreateMailboxesMax === 0) return false;
  const { nodes } = await mail.tree();
  return nodes.filter(({ mailbox }) => mailbox !== undefined).length < autocreateMailboxesMax;
}

async function createMailbox(mail: UserMail, path: MailboxPath): Promise<MailboxMail> {
  try {
    return await mail.mailbox((await mail.createMailbox(path)).guid);
  } catch (error) {
    // Another delivery or a sync may have created it just now.
    const created = has(error, 'DSYNCD_STORE_MAILBOX_EXISTS') ? await mail.mailboxByPath(path) : undefined;
    if (created === undefined) throw error;
    return created;
  }
}

const has = (error: unknown, code: string): boolean => error instanceof DsyncdError && error.code === code;

/** Chunks that may wait for a slow disk before the client is held up. */
const chunksWaitingMax = 4;

/** One copy of a mail on its way to one recipient: pushed at one end, iterated at the other. */
export class Branch implements AsyncIterable<Buffer> {
  readonly #chunks: Buffer[] = [];
  #ended = false;
  #failure: Error | undefined;
  #isDropped = false;
  #wake: () => void = () => {};

  /** Settles when there is room for the next chunk. */
  async push(chunk: Buffer): Promise<void> {
    if (this.#isDropped) return;
    this.#chunks.push(chunk);
    this.#wake();
    while (this.#chunks.length >= chunksWaitingMax && !this.#isDropped) await this.#change();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Makes the reading end throw: the mail will not be complete. */
  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  /** Nobody reads any more; what is pushed is dropped. */
  drop(): void {
    this.#isDropped = true;
    this.#chunks.length = 0;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#wake();
        yield chunk;
      } else if (this.#ended) return;
      else await this.#change();
    }
  }

  /** Reader and writer never wait at once: one waits for a full, the other for an empty list. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
