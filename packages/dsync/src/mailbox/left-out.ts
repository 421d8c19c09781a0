import { DsyncdError, type MailboxGuid } from '@dsyncd/core';
import type { MailboxStatus, UserMail } from '@dsyncd/mailstore';
import type { Attribute, MailChangeItem, MailItem, MailRequest } from '@dsyncd/protocol';
import type { Importer, ImportResult } from './importer.ts';

/** A mailbox that our store cannot take as it is at the peer; the others go on. */
export interface LeftOut {
  readonly guid: MailboxGuid;
  readonly error: DsyncdError;
  /** Mails that are new in it; undefined: too many to count. One that was moved there stays where it was. */
  readonly newThere: ReadonlySet<string> | undefined;
}

const itsOwnLimit: ReadonlySet<string> = new Set(['DSYNCD_STORE_LIMIT', 'DSYNCD_STORE_UIDS_EXHAUSTED']);
const newThereMax = 10_000;

/**
 * Takes one mailbox in as `importer` does, until that meets a limit of our store. From then on what the peer sends of
 * this mailbox is read and dropped, nothing of it is expunged, and no state goes beyond it: the next sync tries it again.
 */
export class LeavingOut implements Importer {
  readonly #importer: Importer;
  readonly #snapshot: MailboxStatus;
  readonly #newThere = new Set<string>();
  #error: DsyncdError | undefined;

  constructor(importer: Importer, snapshot: MailboxStatus) {
    this.#importer = importer;
    this.#snapshot = snapshot;
  }

  /** Set when the mailbox could not be taken. */
  get leftOut(): LeftOut | undefined {
    if (this.#error === undefined) return undefined;
    const isTold = this.#newThere.size <= newThereMax;
    return {
      guid: this.#snapshot.guid,
      error: this.#error,
      newThere: isTold ? this.#newThere : undefined,
    };
  }

  start(): Promise<void> {
    return this.#unlessLeftOut(() => this.#importer.start(), undefined);
  }

  addAttribute(theirs: Attribute): Promise<void> {
    return this.#unlessLeftOut(() => this.#importer.addAttribute(theirs), undefined);
  }

  addChange(change: MailChangeItem): Promise<void> {
    if (change.kind === 'save' && change.guid !== undefined && this.#newThere.size <= newThereMax)
      this.#newThere.add(change.guid);
    return this.#unlessLeftOut(() => this.#importer.addChange(change), undefined);
  }

  finishChanges(): Promise<MailRequest[]> {
    return this.#unlessLeftOut(() => this.#importer.finishChanges(), []);
  }

  /** The stream itself passes over what is not read of a body. */
  addMail(item: MailItem, body: AsyncIterable<Uint8Array> | undefined): Promise<void> {
    return this.#unlessLeftOut(() => this.#importer.addMail(item, body), undefined);
  }

  finish(): Promise<ImportResult> {
    return this.#unlessLeftOut(() => this.#importer.finish(), {
      lastCommonUid: 0,
      localModSeq: 0,
      messagesCount: this.#snapshot.messagesCount,
      isChangedMeanwhile: true,
      conflicts: 0,
      renumbered: 0,
      offeredAnew: 0,
    });
  }

  async abort(): Promise<void> {
    if (this.#error === undefined) await this.#importer.abort();
  }

  async #unlessLeftOut<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    if (this.#error !== undefined) return otherwise;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DsyncdError) || !itsOwnLimit.has(error.code)) throw error;
      this.#error = error;
      await this.#importer.abort();
      return otherwise;
    }
  }
}

const namesMax = 3;

/** What a sync that left mailboxes out ends as; undefined when there is none. The user is tried again, and shown as failing. */
export async function leftOutError(
  leftOut: readonly LeftOut[],
  user: UserMail,
): Promise<DsyncdError | undefined> {
  const [first] = leftOut;
  if (first === undefined) return undefined;
  const names = await Promise.all(leftOut.slice(0, namesMax).map(({ guid }) => nameOfMailbox(user, guid)));
  const more = leftOut.length > namesMax ? ` and ${leftOut.length - namesMax} more` : '';
  const { message, hint } = first.error;
  return new DsyncdError(
    'DSYNCD_MAILBOX_LEFT_OUT',
    `${leftOut.length === 1 ? 'mailbox' : 'mailboxes'} ${names.join(', ')}${more} cannot be taken here, the others are synced: ${message}`,
    { outcome: 'transient', hint },
  );
}

/** As a person knows it; its GUID where it is gone. */
async function nameOfMailbox(user: UserMail, guid: MailboxGuid): Promise<string> {
  const { nodes } = await user.tree();
  return nodes.find(({ mailbox }) => mailbox?.guid === guid)?.path.join('/') ?? guid;
}

const gaveUpCodes: ReadonlySet<string> = new Set(['DSYNCD_PEER_GAVE_UP', 'DSYNCD_PEER_FAILED']);

/** The error of a sync that a Dovecot gave up while it was sent mails, with the mail's name. */
export async function namingRefused(
  error: unknown,
  { guid, uid }: { readonly guid: MailboxGuid; readonly uid: number },
  user: UserMail,
): Promise<unknown> {
  if (!(error instanceof DsyncdError) || !gaveUpCodes.has(error.code)) return error;
  const path = await nameOfMailbox(user, guid);
  return new DsyncdError(
    'DSYNCD_MAIL_REFUSED',
    `${error.message}: it cannot save a mail of mailbox ${path}, with UID ${uid} or one of the next`,
    {
      outcome: 'transient',
      hint: 'its log says why: a limit on the size of mails, a quota, a full disk, or a folder that it may not write to; deliver it there by hand or expunge it here',
    },
  );
}
