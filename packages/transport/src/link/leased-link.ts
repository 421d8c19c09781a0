import { fail } from '@dsyncd/core';
import type { ByteLink, LinkOver } from '@dsyncd/protocol';
import type { StreamLink } from './stream-link.ts';

/** Bytes of one sync so far. */
export interface Traffic {
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** How long we have waited for the peer since anything moved. */
  readonly quietMs: number;
}

/**
 * One sync's view of a kept connection. Once given back it does nothing any more: a forgotten write must
 * not end up in the sync of the next user.
 */
export class LeasedLink implements ByteLink, Traffic {
  readonly #link: StreamLink;
  readonly #receivedBefore: number;
  readonly #sentBefore: number;
  #isReturned = false;

  constructor(link: StreamLink) {
    this.#link = link;
    this.#receivedBefore = link.bytesReceived;
    this.#sentBefore = link.bytesSent;
  }

  get peerName(): string {
    return this.#link.peerName;
  }

  get bytesReceived(): number {
    return this.#link.bytesReceived - this.#receivedBefore;
  }

  get bytesSent(): number {
    return this.#link.bytesSent - this.#sentBefore;
  }

  get quietMs(): number {
    return this.#link.quietMs;
  }

  get over(): LinkOver | undefined {
    return this.#link.over;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#live().read();
  }

  unread(bytes: Uint8Array): void {
    this.#live().unread(bytes);
  }

  write(bytes: Uint8Array | string): Promise<void> | undefined {
    return this.#live().write(bytes);
  }

  abort(reason: unknown): void {
    this.#live().abort(reason);
  }

  /** False when it was given back before. */
  giveBack(): boolean {
    if (this.#isReturned) return false;
    this.#isReturned = true;
    return true;
  }

  #live(): StreamLink {
    return this.#isReturned
      ? fail(`the link to ${this.#link.peerName} is used after its release`)
      : this.#link;
  }
}
