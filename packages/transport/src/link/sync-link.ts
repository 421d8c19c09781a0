import { fail } from '@dsyncd/core';
import type { ByteLink, DoveadmLog, DoveadmLogLine, LinkOver } from '@dsyncd/protocol';
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
  /** Open: the link. Released: what throws. */
  #io: LinkIo;

  constructor(link: StreamLink, options: SyncLinkOptions = {}) {
    this.#link = link;
    this.#io = link;
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
    return this.#io.read();
  }

  unread(bytes: Uint8Array): void {
    this.#io.unread(bytes);
  }

  write(bytes: Uint8Array | string): Promise<void> | undefined {
    return this.#io.write(bytes);
  }

  abort(reason: unknown): void {
    this.#io.abort(reason);
  }

  release(reusable: boolean): void {
    if (this.#io !== this.#link) return;
    this.#io = released(this.peerName);
    this.#options.onRelease?.(reusable);
  }
}

type LinkIo = Pick<ByteLink, 'read' | 'unread' | 'write' | 'abort'>;

function released(peerName: string): LinkIo {
  const throws = (): never => fail(`the link to ${peerName} is used after its release`);
  return { read: throws, unread: throws, write: throws, abort: throws };
}
