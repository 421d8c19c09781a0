import type { StoredMail } from './storm-host.ts';

interface Entry {
  readonly user: string;
  /** Deliveries that may have saved it. */
  deliveries: number;
  isAcknowledged: boolean;
  moves: number;
  /** Somebody expunged it, or put it where mailboxes are deleted. */
  mayVanish: boolean;
}

/** What may have become of each mail. Written before the action, since a kill may hide that it was done. */
export class StormLedger {
  readonly #entries = new Map<string, Entry>();

  delivering(user: string, messageId: string): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) entry.deliveries++;
    else
      this.#entries.set(messageId, {
        user,
        deliveries: 1,
        isAcknowledged: false,
        moves: 0,
        mayVanish: false,
      });
  }

  acknowledged(messageId: string): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) entry.isAcknowledged = true;
  }

  moving(messageId: string): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) entry.moves++;
  }

  vanishing(messageId: string): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) entry.mayVanish = true;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * What must not be: acknowledged mails that are nowhere, and mails that are there oftener than somebody put them.
   * @param stored - all mails of the user
   */
  flaws(user: string, stored: readonly StoredMail[]): readonly string[] {
    const places = new Map<string, string[]>();
    for (const { mailbox, messageId, uid, guid } of stored) {
      const list = places.get(messageId) ?? [];
      list.push(`${mailbox} uid=${uid} guid=${guid}`);
      places.set(messageId, list);
    }
    const flaws: string[] = [];
    for (const [messageId, entry] of this.#entries) {
      if (entry.user !== user) continue;
      const found = places.get(messageId) ?? [];
      if (found.length === 0 && entry.isAcknowledged && !entry.mayVanish)
        flaws.push(`lost: ${user} ${messageId}`);
      // Two hosts that move a mail at once make two of it, and a move may win against an expunge.
      if (found.length > entry.deliveries + entry.moves)
        flaws.push(
          `doubled: ${user} ${messageId} is in ${found.join(', ')} after ${entry.deliveries} deliveries and ${entry.moves} moves`,
        );
    }
    for (const messageId of places.keys())
      if (!this.#entries.has(messageId)) flaws.push(`unknown: ${user} ${messageId}`);
    return flaws;
  }
}
