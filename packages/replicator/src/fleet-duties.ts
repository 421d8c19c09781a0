import { type Clock, type Logger, systemClock } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from './channel.ts';

const retryMs = 5_000;

export interface FleetDutiesOptions {
  readonly queue: () => ReplicationQueue;
  readonly channels: () => readonly Channel[];
  /** Makes the users of the mail store known. */
  readonly refresh: () => Promise<void>;
  /** Asks for a sync of everyone whose mail is newer than the last sync. */
  readonly catchUp: () => Promise<void>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/**
 * What a replicator does besides syncing: after its start, after a Redis that came back empty, and for another one of
 * its backend that was killed. What is called before {@link begin} is done then.
 */
export class FleetDuties {
  readonly #options: FleetDutiesOptions;
  #work: Promise<void>;
  #begin: () => void = () => {};

  constructor(options: FleetDutiesOptions) {
    this.#options = options;
    this.#work = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** Queue and users are there. */
  begin(): void {
    this.#begin();
  }

  /** Nothing is known of anyone: everyone gets a full sync, after those with a notified change. */
  emptied(): void {
    this.#do(async () => {
      const { queue, channels, refresh, logger } = this.#options;
      await refresh();
      for (const { name: channel } of channels()) {
        const users = await queue().replicate(channel, '*', { priority: 'low', full: true });
        logger.warn({ channel, users }, 'the queue has come back empty: everyone gets a full sync');
      }
    });
  }

  /** We did not listen for a while. */
  started(catchUp: () => Promise<void>): void {
    this.#do(catchUp);
  }

  /** Notifications that a killed replicator had taken and not passed on are gone. */
  vanished(): void {
    this.#do(this.#options.catchUp);
  }

  /** One after the other, each until it succeeds. */
  #do(duty: () => Promise<void>): void {
    const { logger, signal, clock = systemClock } = this.#options;
    this.#work = this.#work.then(async () => {
      while (!signal.aborted)
        try {
          return await duty();
        } catch (error) {
          if (!signal.aborted)
            logger.warn({ error }, 'work after a start or for another replicator failed; trying again');
          await clock.sleep(retryMs, signal).catch(() => {});
        }
    });
  }

  async settled(): Promise<void> {
    this.#begin();
    await this.#work;
  }
}
