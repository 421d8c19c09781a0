import type { Clock } from '@dsyncd/core';

/** Clients of the event stream at once: each costs every other request time, and few people watch one host. */
export const eventClientsMax = 100;
const flushMs = 250;
/** Events that one flush sends to each client; further ones of that moment are dropped. */
export const eventsPerFlushMax = 500;
/** With many clients it is fewer events, so that a flush never costs more than this in all. */
const deliveriesPerFlushMax = 40_000;
const heartbeatMs = 15_000;
/** A client that has taken nothing for so long is disconnected. */
export const stalledMsMax = 60_000;

/** A client, as far as the hub writes to it: an HTTP response. */
export interface EventSink {
  write(data: Buffer): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  end(): unknown;
  destroy(): unknown;
}

interface Client {
  readonly sink: EventSink;
  /** Since when its buffer is full; undefined: it takes events. */
  fullSince: number | undefined;
  /** Missed events that were not reported to it yet. */
  untold: number;
}

/**
 * Sends events to any number of clients (server-sent events).
 *
 * Events of a quarter of a second go out in one piece that all clients share. A client whose buffer is
 * full is sent nothing until it has read: what it misses meanwhile is counted and reported in a `dropped`
 * event. So each client costs one socket buffer at most, however slow it is.
 */
export class EventHub {
  readonly #clock: Clock;
  readonly #clients = new Set<Client>();
  #pending: string[] = [];
  #overflow = 0;
  #dropped = 0;
  #idleMs = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Events that clients missed, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  get isFull(): boolean {
    return this.#clients.size >= eventClientsMax;
  }

  /** Events of one flush, for as many clients as there are. */
  get #eventsMax(): number {
    return Math.min(eventsPerFlushMax, Math.floor(deliveriesPerFlushMax / this.#clients.size));
  }

  /** Sends `greeting` and, from now on, every event. The sink must still be open. */
  add(sink: EventSink, greeting: string): void {
    const client: Client = { sink, fullSince: undefined, untold: 0 };
    this.#clients.add(client);
    sink.once('close', () => {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#stop();
    });
    this.#write(client, Buffer.from(greeting));
    this.#cancelTimer ??= this.#clock.after(flushMs, () => this.#flush());
  }

  /** `makeData` is called only when somebody listens. */
  publish(type: string, makeData: () => unknown): void {
    if (this.#clients.size === 0) return;
    if (this.#pending.length >= this.#eventsMax) this.#overflow++;
    else this.#pending.push(eventText(type, makeData()));
  }

  close(): void {
    this.#stop();
    for (const { sink } of [...this.#clients]) sink.end();
    this.#clients.clear();
  }

  #stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#pending = [];
    this.#overflow = 0;
    this.#idleMs = 0;
  }

  #flush(): void {
    this.#cancelTimer = this.#clock.after(flushMs, () => this.#flush());
    const sent = this.#pending.length;
    // A client that is not sent the piece gets no report of what overflowed either.
    const untold = sent + this.#overflow;
    if (this.#overflow > 0) this.#pending.push(droppedText(this.#overflow));
    this.#dropped += this.#overflow * this.#clients.size;
    const text = this.#pending.join('') || this.#heartbeat();
    this.#pending = [];
    this.#overflow = 0;
    const data = Buffer.from(text);
    const now = this.#clock.now();
    for (const client of this.#clients) {
      if (client.fullSince !== undefined && now - client.fullSince > stalledMsMax) client.sink.destroy();
      else if (client.fullSince === undefined) {
        if (data.length > 0) this.#write(client, data);
      } else {
        client.untold += untold;
        this.#dropped += sent;
      }
    }
    if (data.length > 0) this.#idleMs = 0;
  }

  #heartbeat(): string {
    this.#idleMs += flushMs;
    return this.#idleMs >= heartbeatMs ? ': \n\n' : '';
  }

  #write(client: Client, data: Buffer): void {
    if (client.sink.write(data)) return;
    client.fullSince = this.#clock.now();
    client.sink.once('drain', () => {
      client.fullSince = undefined;
      const { untold } = client;
      client.untold = 0;
      if (untold > 0) this.#write(client, Buffer.from(droppedText(untold)));
    });
  }
}

export const eventText = (type: string, data: unknown): string =>
  `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

const droppedText = (count: number): string => eventText('dropped', { count });
