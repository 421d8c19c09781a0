import { parseUserName, type Random, type RequestPriority, type UserStatus } from '@dsyncd/core';
import { expect } from 'vitest';
import type { Claim, Completion, LeftOut, QueueSettings, ReplicationQueue } from '../port.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface ContractOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly settings: QueueSettings;
  /** Users that the queue may know. */
  readonly usersMax?: number;
}

/** Opens an empty queue; the giver of the function disposes of what it is opened on. */
export type OpenQueue = (options: ContractOptions) => Promise<ReplicationQueue>;

export const contractSettings: QueueSettings = {
  channels: ['default', 'other'],
  fullSyncIntervalMs: 24 * 3_600_000,
  failureResyncIntervalMs: 300_000,
};

export const peerDown: Completion = {
  outcome: 'transient',
  full: false,
  failure: { code: 'DSYNCD_PEER_DOWN', reason: 'connection refused', hint: 'start the peer' },
};
export const needsPerson: Completion = {
  outcome: 'operator',
  full: false,
  failure: { code: 'DSYNCD_CERT', reason: 'certificate expired' },
};
export const done: Completion = { outcome: 'ok', full: true, state: 's1' };

/** A queue with the words of the contract's tests. */
export class ContractBench {
  readonly clock = new VirtualClock();
  readonly queue: ReplicationQueue;

  private constructor(queue: ReplicationQueue, clock: VirtualClock) {
    this.queue = queue;
    this.clock = clock;
  }

  static async open(open: OpenQueue, settings: QueueSettings = contractSettings): Promise<ContractBench> {
    const clock = new VirtualClock();
    const random: Random = { fraction: () => 0.5, hex: (count) => '0'.repeat(count * 2) };
    return new ContractBench(await open({ clock, random, settings }), clock);
  }

  request(
    user: string,
    priority: RequestPriority,
    options: { readonly channel?: string; readonly full?: boolean; readonly byOperator?: boolean } = {},
  ): Promise<LeftOut> {
    const { channel = 'default', ...rest } = options;
    return this.queue.request(channel, [{ user: parseUserName(user), priority, ...rest }]);
  }

  /** What is due at this moment, or undefined. */
  async claimNow(): Promise<Claim | undefined> {
    const now = new AbortController();
    const claim = this.queue.claim(now.signal);
    now.abort();
    return claim;
  }

  /** What is due at this moment; that something is, is part of the test. */
  async claim(): Promise<Claim> {
    const claim = await this.claimNow();
    expect(claim, 'something is due').toBeDefined();
    return claim as Claim;
  }

  async claimUsers(): Promise<string[]> {
    const users: string[] = [];
    for (let claim = await this.claimNow(); claim !== undefined; claim = await this.claimNow())
      users.push(claim.user);
    return users;
  }

  async sync(completion: Completion = done): Promise<Claim> {
    const claim = await this.claim();
    await this.queue.complete(claim, completion);
    return claim;
  }

  /** Makes the user one that was synced before. */
  async settle(...users: string[]): Promise<void> {
    for (const user of users) {
      await this.request(user, 'low');
      expect((await this.sync()).user).toBe(user);
    }
  }

  async status(user: string, channel = 'default'): Promise<UserStatus> {
    for await (const status of this.queue.userStatus(channel, user)) return status;
    throw new Error(`${user} is not known on ${channel}`);
  }

  wait(user: string, channel = 'default'): Promise<string> {
    return this.queue.waitForSync(channel, parseUserName(user), new AbortController().signal);
  }

  /** From now until a claim of the user can be had, in milliseconds, in steps of `stepMs`. */
  async msUntilDue(user: string, stepMs: number, maxMs: number): Promise<{ waitedMs: number; claim: Claim }> {
    for (let waitedMs = 0; waitedMs <= maxMs; waitedMs += stepMs) {
      const claim = await this.claimNow();
      if (claim?.user === user) return { waitedMs, claim };
      expect(claim, `only ${user} is due`).toBeUndefined();
      this.clock.advance(stepMs);
    }
    throw new Error(`${user} is not due within ${maxMs} ms`);
  }
}
