import type { UserName } from '@dsyncd/core';

/** A mail is known by the hash of its bytes: GUIDs differ between a mail and its second delivery. */
type Hash = string;

interface Account {
  readonly deliveries: Map<Hash, { accepted: number; attempts: number }>;
  readonly expunged: Set<Hash>;
  readonly moved: Set<Hash>;
  hasDeletedMailbox: boolean;
}

/** What was done to the mail of which user, so that the audit knows which mails should be there, and how often. */
export class Ledger {
  readonly #accounts = new Map<UserName, Account>();
  #deliveredCount = 0;

  /** Mails that were acknowledged. */
  get deliveredCount(): number {
    return this.#deliveredCount;
  }

  /** The mail was acknowledged, after so many attempts; each may have saved it. */
  delivered(user: UserName, hash: Hash, attempts: number): void {
    this.#deliveredCount++;
    const { deliveries } = this.#account(user);
    const before = deliveries.get(hash) ?? { accepted: 0, attempts: 0 };
    deliveries.set(hash, { accepted: before.accepted + 1, attempts: before.attempts + attempts });
  }

  expunging(user: UserName, hash: Hash): void {
    this.#account(user).expunged.add(hash);
  }

  moving(user: UserName, hash: Hash): void {
    this.#account(user).moved.add(hash);
  }

  deletingMailbox(user: UserName): void {
    this.#account(user).hasDeletedMailbox = true;
  }

  /**
   * Compares what a user has with what was delivered.
   * @param present - how often each mail is there, over all mailboxes
   */
  audit(
    user: UserName,
    present: ReadonlyMap<Hash, number>,
  ): { readonly lost: Hash[]; readonly doubled: Hash[] } {
    const { deliveries, expunged, moved, hasDeletedMailbox } = this.#account(user);
    const lost: Hash[] = [];
    const doubled: Hash[] = [];
    for (const [hash, { accepted, attempts }] of deliveries) {
      if (expunged.has(hash)) continue;
      const count = present.get(hash) ?? 0;
      if (moved.has(hash)) {
        // Two hosts may move a mail to two places at once; a deleted mailbox takes its mails with it.
        if (count === 0 && !hasDeletedMailbox) lost.push(hash);
        continue;
      }
      if (count < accepted) lost.push(hash);
      if (count > attempts) doubled.push(hash);
    }
    return { lost, doubled };
  }

  #account(user: UserName): Account {
    const account = this.#accounts.get(user) ?? {
      deliveries: new Map(),
      expunged: new Set(),
      moved: new Set(),
      hasDeletedMailbox: false,
    };
    this.#accounts.set(user, account);
    return account;
  }
}
