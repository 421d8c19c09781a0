import { parseUserName, silentLogger, systemRandom, type UserName } from '@dsyncd/core';
import { type Claim, type Completion, openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { DoveadmService, type DoveadmServiceOptions } from '../src/index.ts';

/** A real queue on virtual time with two channels, and the doveadm service in front of it. */
export class ReplicatorBench {
  readonly clock = new VirtualClock(1_790_000_000_000);
  readonly queue: ReplicationQueue = openMemoryQueue({
    clock: this.clock,
    random: systemRandom,
    settings: {
      channels: ['default', 'offsite'],
      fullSyncIntervalMs: 24 * 3_600_000,
      failureResyncIntervalMs: 300_000,
    },
  });

  get serviceOptions(): DoveadmServiceOptions {
    return {
      queue: this.queue,
      channels: () => [
        { name: 'default', replica: 'tcps:mx2.example.com', chain: false },
        { name: 'offsite', replica: 'tcps:mx3.example.com', chain: false },
      ],
      users: usersOfStore,
      connsMax: () => 3,
      now: () => this.clock.now(),
      logger: silentLogger,
    };
  }

  readonly service = new DoveadmService(this.serviceOptions);

  /** A command's whole answer. */
  async ask(...fields: readonly string[]): Promise<(readonly string[])[]> {
    const lines: (readonly string[])[] = [];
    for await (const line of this.service.answer(fields)) lines.push(line);
    return lines;
  }

  async claim(): Promise<Claim> {
    const now = new AbortController();
    const claiming = this.queue.claim(now.signal);
    now.abort();
    const claim = await claiming;
    if (claim === undefined) throw new Error('nothing is due');
    return claim;
  }

  /** Syncs what is due now with this outcome. */
  async sync(completion: Completion = { outcome: 'ok', full: true, state: 's' }): Promise<Claim> {
    const claim = await this.claim();
    await this.queue.complete(claim, completion);
    return claim;
  }
}

export const ann = parseUserName('ann@example.com');

async function* usersOfStore(mask: string): AsyncIterable<UserName> {
  if (mask === '*@example.com') yield* [ann, parseUserName('bob@example.com')];
}
