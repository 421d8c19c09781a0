import type { Clock, Logger } from '@dsyncd/core';
import type { SourceReading } from '@dsyncd/telemetry';
import type { EventHub } from './event-hub.ts';
import type { Overview } from './views/readiness.ts';

const everyMs = 1_000;

export interface ActivityOptions {
  readonly hub: EventHub;
  readonly overview: Overview;
  readonly sources: () => readonly SourceReading[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Turns counters into events, once a second and only while somebody listens: a million notifications
 * are one event that says how many, and a channel has an event when it has changed.
 */
export class Activity {
  readonly #options: ActivityOptions;
  readonly #lastChannels = new Map<string, string>();
  #lastTaken = new Map<string, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(options: ActivityOptions) {
    this.#options = options;
  }

  /** To be called when a client comes. */
  wake(): void {
    if (this.#cancelTimer !== undefined) return;
    this.#lastTaken = this.#taken();
    this.#lastChannels.clear();
    this.#arm();
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(): void {
    this.#cancelTimer = this.#options.clock.after(everyMs, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    const { hub, logger } = this.#options;
    if (hub.clients === 0) {
      this.close();
      return;
    }
    try {
      this.#sendNotifications();
      await this.#sendChannels();
    } catch (error) {
      logger.debug({ error }, 'no events of the channels: the queue does not answer');
    }
    if (this.#cancelTimer !== undefined) this.#arm();
  }

  #sendNotifications(): void {
    const taken = this.#taken();
    const bySource: Record<string, number> = {};
    let count = 0;
    for (const [source, total] of taken) {
      const fresh = total - (this.#lastTaken.get(source) ?? 0);
      if (fresh <= 0) continue;
      bySource[source] = fresh;
      count += fresh;
    }
    this.#lastTaken = taken;
    if (count > 0) this.#options.hub.publish('notifications', () => ({ count, bySource }));
  }

  async #sendChannels(): Promise<void> {
    for (const channel of await this.#options.overview.channels()) {
      // The lag grows by itself; the client can count.
      const essence = JSON.stringify({ ...channel, oldestLagSeconds: 0 });
      if (this.#lastChannels.get(channel.channel) === essence) continue;
      this.#lastChannels.set(channel.channel, essence);
      this.#options.hub.publish('channel', () => channel);
    }
  }

  #taken(): Map<string, number> {
    return new Map(this.#options.sources().map(({ source, taken }) => [source, taken]));
  }
}
