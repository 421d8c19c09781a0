import { DsyncdError, type MailboxGuid } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';

/** More are forgotten, the oldest first: they only lose their place at the end. */
const hardMailsMax = 10_000;

/**
 * Mails of one user at which a Dovecot gave a sync up. It says neither which mail it could not save nor goes on with the
 * next, so the first that it lacked is taken for the one, and goes only when there is no other from then on: a mail
 * that it refuses (for its size, a quota) holds up no other.
 */
export class HardMails {
  readonly #guids = new Set<string>();

  has(guid: string): boolean {
    return this.#guids.has(guid);
  }

  add(guid: string): void {
    this.#guids.add(guid);
    const [oldest] = this.#guids;
    if (this.#guids.size > hardMailsMax && oldest !== undefined) this.#guids.delete(oldest);
  }
}

/** The first of the mails that a Dovecot asked for. */
export interface Offered {
  readonly guid: string;
  readonly uid: number;
}

const gaveUpCodes: ReadonlySet<string> = new Set(['DSYNCD_PEER_GAVE_UP', 'DSYNCD_PEER_FAILED']);

/** The error of a sync that a Dovecot gave up while it was sent mails, with the mail's name. */
export async function namingRefused(
  error: unknown,
  { guid, uid }: { readonly guid: MailboxGuid; readonly uid: number },
  user: UserMail,
): Promise<unknown> {
  if (!(error instanceof DsyncdError) || !gaveUpCodes.has(error.code)) return error;
  const { nodes } = await user.tree();
  const path = nodes.find(({ mailbox }) => mailbox?.guid === guid)?.path.join('/') ?? guid;
  return new DsyncdError(
    'DSYNCD_MAIL_REFUSED',
    `${error.message}: it seems that it cannot save the mail with UID ${uid} of mailbox ${path}`,
    {
      outcome: 'transient',
      hint: 'its log says why: a limit on the size of mails, a quota, a full disk, or a folder that it may not write to. Other mails go on',
    },
  );
}
