import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { priorityCodes } from '@dsyncd/core';
import { encodeNotify, NotifyParser } from '@dsyncd/protocol';
import { batchUsersMax } from '../listeners/feed.ts';
import { MergedRequests } from '../merged-changes.ts';
import { temporaryPrefix } from '../plugin/write-notifications.ts';
import type { NotifyRequest } from '../sink.ts';

/** Notifications that are remembered as written; beyond it some are written twice, which does no harm. */
export const notedMax = 500_000;

interface OpenBatch {
  readonly requests: NotifyRequest[];
  readonly written: Promise<void>;
}

/**
 * Notifications on disk, for as long as the queue cannot take them. What waits already is not written
 * again, so a long outage takes no more room than there are users.
 *
 * A file of lines for each group of requests, made whole by rename. One process has the folder.
 */
export class OutageSpool {
  readonly #folder: string;
  readonly #noted = new Map<string, Promise<void>>();
  #open: OpenBatch | undefined;
  #last: Promise<void> = Promise.resolve();
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder when it is not there. What a crash left half written is removed; nobody was told that it is safe. */
  static async open(folder: string): Promise<OutageSpool> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder))
      if (name.startsWith(temporaryPrefix)) await unlink(join(folder, name));
    return new OutageSpool(folder);
  }

  /** Settles when all of them are on disk. */
  async add(requests: readonly NotifyRequest[]): Promise<void> {
    if (this.#noted.size > notedMax) this.#noted.clear();
    const writes = new Set<Promise<void>>();
    for (const request of requests) {
      const key = `${request.priority}\t${request.origin ?? ''}\t${request.user}`;
      const written = this.#noted.get(key) ?? this.#enter(request);
      this.#noted.set(key, written);
      writes.add(written);
    }
    await Promise.all(writes);
  }

  /** What comes while a group is being written goes into the next one. */
  #enter(request: NotifyRequest): Promise<void> {
    if (this.#open === undefined) {
      const requests: NotifyRequest[] = [];
      const written = this.#last.then(() => this.#write(requests));
      this.#open = { requests, written };
      // Nobody may count on what a failed write would have held.
      this.#last = written.catch(() => this.#noted.clear());
    }
    this.#open.requests.push(request);
    return this.#open.written;
  }

  async #write(requests: readonly NotifyRequest[]): Promise<void> {
    this.#open = undefined;
    const name = `${Date.now().toString().padStart(15, '0')}-${process.pid}-${this.#count++}`;
    const temporary = join(this.#folder, `${temporaryPrefix}${name}`);
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(
      requests.map(({ user, priority, origin }) => encodeNotify(user, priority, origin)).join(''),
    );
    await file.datasync();
    await rename(temporary, join(this.#folder, name));
    await using folder = await open(this.#folder, 'r');
    await folder.sync();
  }

  /**
   * Hands everything over, oldest first, and removes what `take` has settled for; answers how many.
   * Rejects when `take` does: what is left stays for the next time.
   */
  async drain(take: (batch: readonly NotifyRequest[]) => Promise<void>): Promise<number> {
    // What is handed over from here on may be too old for a change that is told later.
    this.#noted.clear();
    let count = 0;
    for (const name of (await readdir(this.#folder)).sort()) {
      if (name.startsWith('.')) continue;
      const path = join(this.#folder, name);
      const requests = await readRequests(path);
      for (let from = 0; from < requests.length; from += batchUsersMax)
        await take(requests.slice(from, from + batchUsersMax));
      await unlink(path);
      count += requests.length;
    }
    return count;
  }
}

async function readRequests(path: string): Promise<readonly NotifyRequest[]> {
  const parser = new NotifyParser();
  const merged = new MergedRequests();
  for await (const chunk of createReadStream(path)) {
    const { users, priorities, extras } = parser.push(chunk as Buffer);
    for (const [index, user] of users.entries())
      merged.add(user, priorities[index] ?? priorityCodes.high, extras.get(index));
  }
  return merged.take();
}
