import { asUid, DsyncdError } from '@dsyncd/core';
import type { MailboxMail, StagedBody } from '@dsyncd/mailstore';

/** Mails of ours whose bodies are lost: a sync that looks at everything asks the peer for them. */
export class LostBodies {
  readonly #mailbox: MailboxMail;
  readonly #uids = new Map<string, number>();

  constructor(mailbox: MailboxMail) {
    this.#mailbox = mailbox;
  }

  async find(): Promise<void> {
    for (const uid of await this.#mailbox.lostBodies()) {
      const mail = await this.#mailbox.mail(uid);
      if (mail !== undefined) this.#uids.set(mail.guid, uid);
    }
  }

  get guids(): readonly string[] {
    return [...this.#uids.keys()];
  }

  has(guid: string): boolean {
    return this.#uids.has(guid);
  }

  /** Puts the body of the peer where ours was; undefined when it has none either. */
  async restore(guid: string, staged: StagedBody | undefined): Promise<void> {
    const uid = this.#uids.get(guid);
    this.#uids.delete(guid);
    if (staged === undefined || uid === undefined) return;
    try {
      await this.#mailbox.restoreBody(asUid(uid), staged);
    } catch (error) {
      await staged.discard();
      // The mail was expunged meanwhile, or the replica's body is another one: ours stays known as lost.
      const tolerated = ['DSYNCD_STORE_NO_MAIL', 'DSYNCD_STORE_BODY_DIFFERS'];
      if (!(error instanceof DsyncdError) || !tolerated.includes(error.code)) throw error;
    }
  }
}
