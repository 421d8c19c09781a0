import { randomUUID } from 'node:crypto';
import { type Logger, systemClock } from '@dsyncd/core';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { waitForClosing } from './connection.ts';
import type { IdleWorkers } from './idle-workers.ts';

export const wakeQueueName = 'wake';
const pauseMs = 20;
const retryMs = 1_000;

export interface WakeOptions {
  readonly connection: Redis;
  readonly base: string;
  readonly leaseMs: number;
  readonly logger: Logger;
  /** The workers here: woken only when some of them have nothing to do. */
  readonly idle: Pick<IdleWorkers, 'count' | 'serve' | 'untilWaiting'>;
}

/**
 * Wakes the workers of another replicator when there is more to do than here are hands.
 *
 * One BullMQ job, `wake`, which is there or not, and goes to exactly one replicator that is idle. It is taken
 * away before that one looks for work, so that a request which comes later wakes again.
 */
export class Wake {
  readonly #options: WakeOptions;
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #token = randomUUID();
  #isWanted = false;
  #isSending = false;
  #isClosed = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: WakeOptions) {
    this.#options = options;
    const { connection, base: prefix, leaseMs, logger } = options;
    this.#queue = new Queue(wakeQueueName, { connection, prefix });
    this.#worker = new Worker(wakeQueueName, null, {
      connection,
      prefix,
      autorun: false,
      lockDuration: leaseMs,
      stalledInterval: Math.ceil(leaseMs / 2),
      maxStalledCount: 1_000_000,
      drainDelay: 2,
    });
    const onError = (error: Error): void => logger.debug({ error }, 'BullMQ: connection problem');
    this.#queue.on('error', onError);
    this.#worker.on('error', onError);
  }

  async open(): Promise<void> {
    await this.#worker.waitUntilReady();
    await this.#worker.startStalledCheckTimer();
    this.#loop = this.#listen();
  }

  /** There is work that nobody here can do now. Many calls at once wake once. */
  others(): void {
    this.#isWanted = true;
    if (!this.#isSending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      try {
        await this.#queue.add('wake', {}, { jobId: 'wake', removeOnComplete: true, removeOnFail: true });
      } catch (error) {
        // Idle replicators look by themselves every now and then.
        this.#options.logger.debug({ error }, 'could not wake others');
      }
      await systemClock.sleep(pauseMs);
    }
    this.#isSending = false;
  }

  async #listen(): Promise<void> {
    const { idle, logger } = this.#options;
    while ((await idle.untilWaiting()) && !this.#isClosed) {
      try {
        const job = await this.#worker.getNextJob(this.#token);
        if (job === undefined) continue;
        await job.moveToCompleted(null, this.#token, false);
        if (idle.count > 0) idle.serve();
        else this.others();
      } catch (error) {
        if (this.#isClosed) return;
        logger.debug({ error }, 'could not wait to be woken');
        await systemClock.sleep(retryMs);
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker.close(true);
    await waitForClosing(this.#loop);
    await this.#queue.close();
  }
}
