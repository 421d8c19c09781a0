import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogFields, type Logger, systemRandom, type UserStatus } from '@dsyncd/core';
import type { Claim, QueueSettings, ReplicationQueue } from '@dsyncd/queue';
import { RedisServer } from '@dsyncd/testkit';
import { onTestFinished } from 'vitest';
import { openRedisQueue, type RedisQueueOptions } from '../src/index.ts';

export const settings: QueueSettings = {
  channels: ['default', 'other'],
  fullSyncIntervalMs: 24 * 3_600_000,
  failureResyncIntervalMs: 300_000,
};

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-redis-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A Redis for one test, and the queues that the test opens on it. */
export class Place {
  readonly server: RedisServer;
  readonly log: string[] = [];

  private constructor(server: RedisServer) {
    this.server = server;
  }

  static async make(args: readonly string[] = []): Promise<Place> {
    const server = await RedisServer.start({ folder: scratchFolder(), args });
    onTestFinished(() => server.end('SIGKILL'));
    return new Place(server);
  }

  async open(options: Partial<RedisQueueOptions> = {}): Promise<ReplicationQueue> {
    const queue = await openRedisQueue({
      url: this.server.url,
      backend: 'mail',
      random: systemRandom,
      logger: this.#logger(),
      settings,
      leaseMs: 600,
      ...options,
    });
    onTestFinished(() => queue.close());
    return queue;
  }

  #logger(): Logger {
    const note = (_fields: LogFields, message: string): void => void this.log.push(message);
    const logger: Logger = { debug: () => {}, info: note, warn: note, error: note, child: () => logger };
    return logger;
  }
}

export async function nextClaim(queue: ReplicationQueue): Promise<Claim> {
  const claim = await queue.claim(new AbortController().signal);
  if (claim === undefined) throw new Error('the queue is closed');
  return claim;
}

/** What is due at this moment. */
export async function claimNow(queue: ReplicationQueue): Promise<Claim | undefined> {
  const now = new AbortController();
  const claim = queue.claim(now.signal);
  now.abort();
  return claim;
}

export async function usersOf(
  queue: ReplicationQueue,
  channel = 'default',
): Promise<Map<string, UserStatus>> {
  const users = new Map<string, UserStatus>();
  for await (const status of queue.userStatus(channel, '*')) users.set(status.user, status);
  return users;
}
