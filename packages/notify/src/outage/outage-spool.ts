import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeNotify, NotifyParser } from '@dsyncd/protocol';
import { type ChangeBatch, changesIn, MergedChanges, piecesOf } from '../changes.ts';
import { batchLinesMax } from '../listeners/feed.ts';
import { temporaryPrefix } from '../plugin/write-notifications.ts';

/** Notifications that are remembered as written; beyond it some are written twice, which does no harm. */
export const notedMax = 500_000;

interface OpenBatch {
  readonly lines: string[];
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

  /** Makes the folder when it is not there. What a crash left half written is removed; nobody counts on it. */
  static async open(folder: string): Promise<OutageSpool> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder))
      if (name.startsWith(temporaryPrefix)) await unlink(join(folder, name));
    return new OutageSpool(folder);
  }

  /** Settles when all of them are on disk. */
  async add(batch: ChangeBatch): Promise<void> {
    if (this.#noted.size > notedMax) this.#noted.clear();
    const writes = new Set<Promise<void>>();
    for (const { user, priority, origin } of changesIn(batch)) {
      const line = encodeNotify(user, priority, origin);
      const written = this.#noted.get(line) ?? this.#enter(line);
      this.#noted.set(line, written);
      writes.add(written);
    }
    await Promise.all(writes);
  }

  /** What comes while a group is being written goes into the next one. */
  #enter(line: string): Promise<void> {
    if (this.#open === undefined) {
      const lines: string[] = [];
      const written = this.#last.then(() => this.#write(lines));
      this.#open = { lines, written };
      // A failed write may have lost what was noted as written.
      this.#last = written.catch(() => this.#noted.clear());
    }
    this.#open.lines.push(line);
    return this.#open.written;
  }

  async #write(lines: readonly string[]): Promise<void> {
    this.#open = undefined;
    const name = `${Date.now().toString().padStart(15, '0')}-${process.pid}-${this.#count++}`;
    const temporary = join(this.#folder, `${temporaryPrefix}${name}`);
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(lines.join(''));
    await file.datasync();
    await rename(temporary, join(this.#folder, name));
    await using folder = await open(this.#folder, 'r');
    await folder.sync();
  }

  /**
   * Hands everything over, oldest first, and removes what `take` has settled for; answers how many.
   * Rejects when `take` does: what is left stays for the next time.
   */
  async drain(take: (batch: ChangeBatch) => Promise<void>): Promise<number> {
    // What is handed over from here on may be too old for a change that comes later.
    this.#noted.clear();
    let count = 0;
    for (const name of (await readdir(this.#folder)).sort()) {
      if (name.startsWith('.')) continue;
      const path = join(this.#folder, name);
      const changes = await readChanges(path);
      for (const piece of piecesOf(changes, batchLinesMax)) await take(piece);
      await unlink(path);
      count += changes.users.length;
    }
    return count;
  }
}

async function readChanges(path: string): Promise<ChangeBatch> {
  const parser = new NotifyParser();
  const merged = new MergedChanges();
  for await (const chunk of createReadStream(path)) {
    const { users, priorities, extras } = parser.push(chunk as Buffer);
    merged.addAll({ users, priorities, origins: extras });
  }
  return merged.take();
}
