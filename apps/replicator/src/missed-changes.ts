import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger, UserName } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';

/** A file that is there while dsyncd runs: one that is there at the start was left by a crash. */
export class RunMark {
  readonly #file: string;

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'running');
  }

  /** Answers whether the last run ended in order. Call it once the queue is ours. */
  async set(): Promise<{ readonly endedInOrder: boolean }> {
    const endedInOrder = !existsSync(this.#file);
    await writeFile(this.#file, `${process.pid}\n`);
    return { endedInOrder };
  }

  async clear(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}

export interface MissedChangesOptions {
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly { readonly name: string }[];
  /** When a user's mail was last written, in Unix milliseconds. */
  readonly changedAt: (user: UserName) => Promise<number | undefined>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const usersAtOnce = 1_000;

/**
 * Asks for a sync of everyone whose mail was written since the last sync began. What lies in the
 * notification FIFO dies with dsyncd, and nobody would hear of those changes before the next full sync.
 */
export async function requestMissedChanges(options: MissedChangesOptions): Promise<void> {
  const { queue, channels, changedAt, logger, signal } = options;
  for (const { name } of channels()) {
    let count = 0;
    let batch: UserName[] = [];
    const send = async (): Promise<void> => {
      await queue.request(
        name,
        batch.map((user) => ({ user, priority: 'low' })),
      );
      count += batch.length;
      batch = [];
    };
    for await (const { user, lastFastSyncAt } of queue.userStatus(name, '*')) {
      if (signal.aborted) return;
      if (((await changedAt(user)) ?? 0) < (lastFastSyncAt ?? 0)) continue;
      batch.push(user);
      if (batch.length >= usersAtOnce) await send();
    }
    if (batch.length > 0) await send();
    logger.info(
      { channel: name, users: count },
      'a dsyncd did not end in order: users with newer mail are synced',
    );
  }
}
