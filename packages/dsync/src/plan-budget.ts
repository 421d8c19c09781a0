import { DsyncdError, limits } from '@dsyncd/core';
import type { MailChangeItem } from '@dsyncd/protocol';

/** A change with its GUID takes about so much, its keywords not counted. */
const changeBytes = 240;

/** What a peer makes us hold in memory for one sync: it must not take the whole host down. */
export class PlanBudget {
  readonly #peerName: string;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(peerName: string, bytesMax: number = limits.plannedBytesMax) {
    this.#peerName = peerName;
    this.#bytesMax = bytesMax;
  }

  /**
   * @returns its estimated bytes, for {@link release}
   * @throws {DsyncdError} `DSYNCD_PEER_LIMIT` (operator) when there is no room for it.
   */
  hold(change: Pick<MailChangeItem, 'keywords'>): number {
    const bytes = costOf(change);
    this.#bytes += bytes;
    if (this.#bytes <= this.#bytesMax) return bytes;
    throw new DsyncdError(
      'DSYNCD_PEER_LIMIT',
      `${this.#peerName} sent more new mails and expunges than one sync can plan in ${this.#bytesMax} bytes`,
      {
        outcome: 'operator',
        hint: 'split the largest mailboxes on the peer, or sync them one by one: dsyncadm sync -m MAILBOX',
      },
    );
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}

function costOf({ keywords }: Pick<MailChangeItem, 'keywords'>): number {
  let bytes = changeBytes;
  for (const { name } of keywords) bytes += 2 * name.length + 32;
  return bytes;
}
