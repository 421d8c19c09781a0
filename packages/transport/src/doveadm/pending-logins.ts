import type { Socket } from 'node:net';

/** Addresses that are remembered for a right or a wrong secret, each; the longest unheard goes first. */
const addressesMax = 1_000;
const firstDelayMs = 100;
const delayMsMax = 2_000;
/** A peer with a wrong secret comes again and again. */
const refusalsPerLine = 100;

export interface Refusal {
  /** So long the answer is to wait; the longer the more wrong secrets there were. */
  readonly delayMs: number;
  /** Is it worth a line of the log? */
  readonly isNews: boolean;
}

/**
 * Connections that have not logged in yet. Nobody can fill the room by doing nothing: a new one takes the place of the oldest,
 * of its own address where that has its share, and connections from where a peer has logged in before go last.
 */
export class PendingLogins {
  readonly #max: number;
  readonly #perAddressMax: number;
  /** By remote address and port, the oldest first. */
  readonly #sockets = new Map<string, { readonly socket: Socket; readonly address: string }>();
  readonly #known = new Map<string, true>();
  readonly #wrongSecrets = new Map<string, number>();

  /** @param max - all together; one address gets half of that */
  constructor(max: number) {
    this.#max = max;
    this.#perAddressMax = Math.max(1, Math.floor(max / 2));
  }

  get size(): number {
    return this.#sockets.size;
  }

  has(key: string): boolean {
    return this.#sockets.has(key);
  }

  /** Takes a connection in. @returns the one that has to go for it */
  add(key: string, socket: Socket): Socket | undefined {
    const address = socket.remoteAddress ?? '';
    const ofAddress = [...this.#sockets].filter(([, pending]) => pending.address === address);
    const evicted =
      ofAddress.length >= this.#perAddressMax
        ? ofAddress[0]?.[0]
        : this.#sockets.size >= this.#max
          ? this.#oldest()
          : undefined;
    this.#sockets.set(key, { socket, address });
    return evicted === undefined ? undefined : this.#take(evicted);
  }

  /** Makes room for a connection of someone else. @returns the one that has to go, if there is any */
  evict(): Socket | undefined {
    const key = this.#oldest();
    return key === undefined ? undefined : this.#take(key);
  }

  delete(key: string): void {
    this.#sockets.delete(key);
  }

  /** It has logged in. */
  admit(key: string, address: string): void {
    this.#sockets.delete(key);
    this.#wrongSecrets.delete(address);
    remember(this.#known, address, true);
  }

  /** Counts one more wrong secret of this address. */
  refuse(address: string): Refusal {
    const count = this.#wrongSecrets.get(address) ?? 0;
    remember(this.#wrongSecrets, address, count + 1);
    return {
      delayMs: count === 0 ? 0 : Math.min(delayMsMax, firstDelayMs * 2 ** (count - 1)),
      isNews: count % refusalsPerLine === 0,
    };
  }

  endAll(): void {
    for (const { socket } of this.#sockets.values()) socket.destroy();
  }

  #oldest(): string | undefined {
    for (const [key, { address }] of this.#sockets) if (!this.#known.has(address)) return key;
    return this.#sockets.keys().next().value;
  }

  #take(key: string): Socket | undefined {
    const pending = this.#sockets.get(key);
    this.#sockets.delete(key);
    return pending?.socket;
  }
}

function remember<Value>(map: Map<string, Value>, address: string, value: Value): void {
  map.delete(address);
  map.set(address, value);
  const oldest = map.keys().next().value;
  if (map.size > addressesMax && oldest !== undefined) map.delete(oldest);
}
