import { fail } from '@dsyncd/core';
import type { DoveadmLog, DoveadmLogLine, LinkOver } from '@dsyncd/protocol';
import type { SyncConnection } from '../port.ts';
import type { StreamLink } from './stream-link.ts';

export interface SyncLinkOptions {
  /** What the peer logs, where it sends that. */
  readonly log?: DoveadmLog;
  /** Called once, with what {@link SyncLink.release} is called with. */
  readonly onRelease?: (reusable: boolean) => void;
}

/**
 * One sync's share of a connection, and the only wrapper between a sync and its {@link StreamLink}. After its release
 * it does nothing any more: a forgotten write must not end up in the sync of the next user.
 *
 *     open --release--> released
 */
export class SyncLink implements SyncConnection {
  readonly #link: StreamLink;
  readonly #options: SyncLinkOptions;
  readonly #receivedBefore: number;
  readonly #sentBefore: number;
  #state: 'open' | 'released' = 'open';

  constructor(link: StreamLink, options: SyncLinkOptions = {}) {
    this.#link = link;
    this.#options = options;
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

  get peerLog(): readonly DoveadmLogLine[] {
    return this.#options.log?.lines ?? [];
  }

  get over(): LinkOver | undefined {
    return this.#link.over;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#open().read();
  }

  unread(bytes: Uint8Array): void {
    this.#open().unread(bytes);
  }

  write(bytes: Uint8Array | string): Promise<void> | undefined {
    return this.#open().write(bytes);
  }

  abort(reason: unknown): void {
    this.#open().abort(reason);
  }

  release(reusable: boolean): void {
    if (this.#state === 'released') return;
    this.#state = 'released';
    this.#options.onRelease?.(reusable);
  }

  #open(): StreamLink {
    return this.#state === 'open'
      ? this.#link
      : fail(`the link to ${this.#link.peerName} is used after its release`);
  }
}
