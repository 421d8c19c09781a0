import type { UserName } from '@dsyncd/core';
import { afterEach } from 'vitest';
import { type Change, type ChangeBatch, changesIn, type NotifySink } from '../src/index.ts';

/** A sink that keeps what it is given, and lets a test hold it up. */
export class RecordingSink implements NotifySink {
  readonly requests: Change[] = [];
  readonly batches: number[] = [];
  readonly waiters: UserName[] = [];
  abortedWaiters = 0;
  answer = (_user: UserName): boolean => true;
  failures = 0;
  gate: Promise<void> = Promise.resolve();

  async request(batch: ChangeBatch): Promise<void> {
    this.batches.push(batch.users.length);
    await this.gate;
    if (this.failures > 0) {
      this.failures--;
      throw new Error('disk full');
    }
    for (const change of changesIn(batch)) this.requests.push(change);
  }

  async waitForSync(user: UserName, signal: AbortSignal): Promise<boolean> {
    this.waiters.push(user);
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => {
        this.abortedWaiters++;
        reject(signal.reason);
      }),
    );
    return Promise.race([this.gate.then(() => this.answer(user)), aborted]);
  }

  /** Holds everything up until the answer is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gate = promise;
    return resolve;
  }

  users = (): string[] => this.requests.map(({ user }) => user).sort();
}

/** Waits until `condition` holds; fails after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Things to close after each test, last first. */
export function closeAfterEach(): (close: () => unknown) => void {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  });
  return (close) => closers.push(close);
}
