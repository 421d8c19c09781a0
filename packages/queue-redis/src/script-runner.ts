import { createHash } from 'node:crypto';
import { DsyncdError } from '@dsyncd/core';
import type { Redis } from 'ioredis';
import { redisError } from './connection.ts';
import { type ScriptName, scripts } from './lua/index.ts';

const digests = new Map(
  Object.entries(scripts).map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
);

/** Runs the queue's scripts on one connection, in the order in which they are called. */
export class ScriptRunner {
  readonly #redis: Redis;
  readonly #meta: string;
  readonly #place: string;

  constructor(redis: Redis, base: string, place: string) {
    this.#redis = redis;
    this.#meta = `${base}:meta`;
    this.#place = place;
  }

  /** @throws {DsyncdError} when Redis is down or refuses; whether the script ran is not known then. */
  async run(name: ScriptName, input: object, ...rest: readonly string[]): Promise<unknown> {
    const args = [JSON.stringify(input), ...rest];
    try {
      return await this.#redis
        .evalsha(digests.get(name) ?? '', 1, this.#meta, ...args)
        .catch((error: unknown) => {
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
          return this.#redis.eval(scripts[name], 1, this.#meta, ...args);
        });
    } catch (error) {
      if (error instanceof Error && /user_script|script/.test(error.message) && /^ERR/.test(error.message))
        throw new DsyncdError('DSYNCD_INTERNAL', `the script ${name} of the queue failed: ${error.message}`, {
          outcome: 'transient',
          hint: 'a defect of dsyncd, or a key of the queue was changed by hand: please report it',
          cause: error,
        });
      throw redisError(error, this.#place);
    }
  }

  /** As {@link run}, for scripts that answer a number and then names. */
  async countAndNames(
    name: ScriptName,
    input: object,
  ): Promise<{ readonly count: number; readonly names: readonly string[] }> {
    const [count, ...names] = (await this.run(name, input)) as [unknown, ...unknown[]];
    return { count: Number(count), names: names.map(String) };
  }

  /** As {@link run}, for scripts that answer a number. */
  async count(name: ScriptName, input: object, ...rest: readonly string[]): Promise<number> {
    return Number(await this.run(name, input, ...rest));
  }
}
