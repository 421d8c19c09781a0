import { randomUUID } from 'node:crypto';
import { type Logger, systemClock } from '@dsyncd/core';
import { type Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { waitForClosing } from './connection.ts';
import type { Member } from './fleet-view.ts';

interface SessionData extends Partial<Member> {
  /** Which replicator holds this job; missing until the one that fetched it has signed. */
  readonly session?: string;
}

export const sessionQueueName = 'replicators';

export interface SessionOptions {
  readonly connection: Redis;
  /** Prefix of BullMQ's keys. */
  readonly base: string;
  readonly leaseMs: number;
  /** Stands in the job, for people who inspect it. */
  readonly member: Member;
  readonly logger: Logger;
  readonly owner: SessionOwner;
}

/** The replicator whose sign of life this is, and what it does when a session begins, goes on or ends. */
export interface SessionOwner {
  /** Lets that session claim. */
  join(session: string): Promise<void>;
  /** Frees what that session holds: our own, or a dead one. */
  leave(session: string): Promise<void>;
  /** After each sign of life. */
  beat(session: string): Promise<void>;
  /** Another session was found dead; its syncs are free. */
  vanished(): void;
  /** Nothing is known any more of our session: Redis is empty, or it was taken for dead. */
  lost(): Promise<void>;
}

/**
 * One replicator's sign of life: a BullMQ job that is active for as long as the replicator lives.
 *
 * BullMQ's lock on it is extended by each beat. When the holder is killed the lock runs out, BullMQ
 * finds the job stalled and gives it to another replicator, which frees what the dead one held. All
 * of it in real time, whatever clock the queue has.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #queue: Queue<SessionData>;
  readonly #worker: Worker<SessionData>;
  #id = '';
  #token = '';
  #job: Job<SessionData> | undefined;
  #cancelBeat: (() => void) | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { connection, base: prefix, leaseMs, logger } = options;
    const name = sessionQueueName;
    this.#queue = new Queue(name, { connection, prefix });
    this.#worker = new Worker(name, null, {
      connection,
      prefix,
      autorun: false,
      lockDuration: leaseMs,
      stalledInterval: Math.ceil(leaseMs / 2),
      // A job that stalls means work for us, however often it does.
      maxStalledCount: 1_000_000,
    });
    const onError = (error: Error): void => logger.debug({ error }, 'BullMQ: connection problem');
    this.#queue.on('error', onError);
    this.#worker.on('error', onError);
    this.#worker.on('stalled', () => this.#beatSoon(0));
  }

  get id(): string {
    return this.#id;
  }

  async open(): Promise<void> {
    await this.#worker.waitUntilReady();
    await this.#enter();
    await this.#worker.startStalledCheckTimer();
    this.#beatSoon();
  }

  /** A new life under a new id. */
  async #enter(): Promise<void> {
    const session = randomUUID();
    this.#token = session;
    for (let job: Job<SessionData> | undefined; ; ) {
      await this.#queue.add('replicator', {}, { removeOnComplete: true, removeOnFail: true });
      job = await this.#fetch();
      // Another replicator that starts at the same moment may have taken ours: then there is one more.
      if (job === undefined) continue;
      if (job.data.session === undefined) {
        await job.updateData({ session, ...this.#options.member });
        this.#job = job;
        break;
      }
      await this.#reclaimDeadSession(job, job.data.session);
    }
    await this.#options.owner.join(session);
    this.#id = session;
  }

  async #fetch(): Promise<Job<SessionData> | undefined> {
    return this.#worker.getNextJob(this.#token, { block: false });
  }

  /** BullMQ has given us the job of a replicator that is dead. */
  async #reclaimDeadSession(job: Job<SessionData>, session: string): Promise<void> {
    await this.#options.owner.leave(session);
    await job.moveToCompleted(null, this.#token, false);
    if (session === this.#id) return;
    this.#options.logger.warn({ session }, 'a replicator has vanished; its syncs are due again');
    this.#options.owner.vanished();
  }

  #beatSoon(delayMs = Math.ceil(this.#options.leaseMs / 3)): void {
    this.#cancelBeat?.();
    if (this.#isClosed) return;
    this.#cancelBeat = systemClock.after(delayMs, () => {
      this.#beating = this.#beat()
        .catch((error: unknown) => {
          if (!this.#isClosed) this.#options.logger.debug({ error }, 'no sign of life could be given');
        })
        .finally(() => this.#beatSoon());
    });
  }

  async #beat(): Promise<void> {
    if (!(await this.#isHeld())) await this.renew();
    for (let job = await this.#fetch(); job !== undefined; job = await this.#fetch()) {
      const { session } = job.data;
      if (session === undefined) await job.moveToCompleted(null, this.#token, false);
      else {
        await this.#reclaimDeadSession(job, session);
        if (session === this.#id) await this.renew();
      }
    }
    await this.#options.owner.beat(this.#id);
  }

  async #isHeld(): Promise<boolean> {
    const extended = await this.#job?.extendLock(this.#token, this.#options.leaseMs);
    return extended === 1;
  }

  /** This replicator was taken for dead, or Redis has forgotten it: all that it held is void. */
  async renew(): Promise<void> {
    if (this.#isClosed) return;
    this.#options.logger.warn(
      { session: this.#id },
      'this replicator was taken for dead or Redis has forgotten it; its running syncs will be repeated',
    );
    await this.#options.owner.leave(this.#id);
    await this.#options.owner.lost();
    await this.#enter();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelBeat?.();
    await waitForClosing(this.#signOff());
    await this.#worker.close(true);
    await this.#queue.close();
  }

  async #signOff(): Promise<void> {
    await this.#beating;
    try {
      await this.#options.owner.leave(this.#id);
      await this.#job?.moveToCompleted(null, this.#token, false);
    } catch (error) {
      this.#options.logger.debug({ error }, 'could not sign off; what is left is freed when the lease ends');
    }
  }
}
