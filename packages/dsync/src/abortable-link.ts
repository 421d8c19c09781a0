import type { ByteLink } from '@dsyncd/protocol';

/** A link that our side can break, so that what waits on it ends. */
export class AbortableLink implements ByteLink {
  readonly #link: ByteLink;
  readonly #broken: Promise<never>;
  #break: (error: unknown) => void = () => {};
  #error: { readonly reason: unknown } | undefined;

  constructor(link: ByteLink) {
    this.#link = link;
    this.#broken = new Promise((_, reject) => {
      this.#break = reject;
    });
    // Where nothing waits there is no one to tell.
    this.#broken.catch(() => {});
  }

  get peerName(): string {
    return this.#link.peerName;
  }

  /** From now on every read and write fails with `reason`; the first reason stays. */
  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.#break(reason);
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#error !== undefined) return this.#broken;
    return Promise.race([this.#link.read(), this.#broken]);
  }

  unread(bytes: Uint8Array): void {
    this.#link.unread(bytes);
  }

  /** Writes even when our side has broken the link, for a last word to the peer. */
  writeAnyway(bytes: Uint8Array | string): Promise<void> | undefined {
    return this.#link.write(bytes);
  }

  write(bytes: Uint8Array | string): Promise<void> | undefined {
    if (this.#error !== undefined) return this.#broken;
    const waiting = this.#link.write(bytes);
    return waiting === undefined ? undefined : Promise.race([waiting, this.#broken]);
  }
}
