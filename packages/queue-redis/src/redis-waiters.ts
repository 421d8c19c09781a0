import { randomUUID } from 'node:crypto';
import { DsyncdError, type OutcomeKind, outcomeRules } from '@dsyncd/core';
import type { Redis } from 'ioredis';
import { redisLimits } from './options.ts';

interface Waiter {
  readonly channel: string;
  readonly settle: (outcome: OutcomeKind) => void;
  readonly refuse: (reason: unknown) => void;
}

const isOutcome = (text: string): text is OutcomeKind => Object.hasOwn(outcomeRules, text);

/** The callers here that wait for a sync, which may run anywhere. Answers come over pub/sub. */
export class RedisWaiters {
  readonly #redis: Redis;
  readonly #channelName: string;
  readonly #waiters = new Map<string, Waiter>();
  readonly #process = randomUUID();
  #next = 1;

  constructor(redis: Redis, base: string, lost: () => DsyncdError) {
    this.#redis = redis;
    this.#channelName = `${base}:answers:${this.#process}`;
    redis.on('message', (_channel, message) => this.#take(message));
    // An answer may have gone by meanwhile; waiters get the answer that nobody knows.
    redis.on('close', () => this.refuseAll(lost()));
  }

  async open(): Promise<void> {
    await this.#redis.subscribe(this.#channelName);
  }

  #take(message: string): void {
    const [number = '', outcome = ''] = message.split(' ');
    if (isOutcome(outcome)) this.#waiters.get(number)?.settle(outcome);
  }

  /** `name` is what Redis knows the waiter by; `enroll` registers it there and may know the answer at once. */
  async wait(
    channel: string,
    signal: AbortSignal,
    enroll: (name: string) => Promise<OutcomeKind | undefined>,
    withdraw: (name: string) => void,
  ): Promise<OutcomeKind> {
    signal.throwIfAborted();
    if (this.#waiters.size >= redisLimits.waitersMax)
      throw new DsyncdError(
        'DSYNCD_QUEUE_WAITERS_MAX',
        `${redisLimits.waitersMax} callers wait for a sync already`,
        { outcome: 'transient' },
      );
    const number = String(this.#next++);
    const name = `${this.#process} ${number}`;
    return new Promise((resolve, reject) => {
      const finish = (end: () => void): void => {
        if (!this.#waiters.delete(number)) return;
        signal.removeEventListener('abort', onAbort);
        end();
      };
      const onAbort = (): void => {
        finish(() => reject(signal.reason));
        withdraw(name);
      };
      this.#waiters.set(number, {
        channel,
        settle: (outcome) => finish(() => resolve(outcome)),
        refuse: (reason) => finish(() => reject(reason)),
      });
      signal.addEventListener('abort', onAbort, { once: true });
      enroll(name).then(
        (outcome) => outcome !== undefined && this.#waiters.get(number)?.settle(outcome),
        (error: unknown) => this.#waiters.get(number)?.refuse(error),
      );
    });
  }

  answerChannel(channel: string, outcome: OutcomeKind): void {
    for (const waiter of [...this.#waiters.values()]) if (waiter.channel === channel) waiter.settle(outcome);
  }

  refuseAll(reason: unknown): void {
    for (const waiter of [...this.#waiters.values()]) waiter.refuse(reason);
  }
}
