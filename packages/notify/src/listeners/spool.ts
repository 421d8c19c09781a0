import { constants, type FSWatcher, watch } from 'node:fs';
import { mkdir, open, opendir, rename, stat, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { quote, systemCode } from '@dsyncd/core';
import { NotifyParser } from '@dsyncd/protocol';
import { importsPrefix, takeDeadImports } from '../open-imports.ts';
import { claimPrefix, temporaryPrefix } from '../plugin/write-notifications.ts';
import type { ListenerOptions, NotifyListener } from '../sink.ts';
import { SinkFeed } from './feed.ts';
import { listenerOf } from './sockets.ts';

const pollMs = 5_000;
/** A file without an end of line may still be written to; after this it will not be. */
const unfinishedMs = 2_000;
const temporaryAgeMs = 3_600_000;
export const spoolFilesPerRound = 1000;

/**
 * Takes notifications from a spool folder: those that mail processes left while dsyncd was down,
 * and those of programs that can write files only. Each file holds notification lines. Best written
 * under a name with a leading dot and then renamed.
 *
 * A file is claimed by rename and removed when its lines are durable; after a crash it is taken again. Several
 * dsyncd may watch the same folder: that one file is taken by two of them does no harm.
 */
export async function watchSpool(folder: string, options: ListenerOptions): Promise<NotifyListener> {
  await mkdir(folder, { recursive: true, mode: 0o770 });
  const feed = new SinkFeed(options, folder);
  const spool = new Spool(folder, feed, options);
  await spool.removeOldTemporaries();
  spool.start();
  return listenerOf(feed, () => spool.stop());
}

/** Another dsyncd may have been faster; then the file has been seen to. */
const isGone = (error: unknown): boolean => systemCode(error) === 'ENOENT';

/** Neither follows a link, which may lead anywhere, nor waits for the other end of a FIFO. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

class Spool {
  readonly #folder: string;
  readonly #feed: SinkFeed;
  readonly #options: ListenerOptions;
  readonly #stopping = new AbortController();
  #watcher: FSWatcher | undefined;
  #claims = 0;
  /** By the clock that does not jump. */
  #importsDueAt = 0;
  /** What could not be taken and was reported. */
  #refused = new Set<string>();
  #wake: () => void = () => {};
  #woken = true;
  #loop: Promise<void> | undefined;

  constructor(folder: string, feed: SinkFeed, options: ListenerOptions) {
    this.#folder = folder;
    this.#feed = feed;
    this.#options = options;
  }

  start(): void {
    try {
      this.#watcher = watch(this.#folder, () => this.#poke());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch (error) {
      this.#options.logger.warn({ error, folder: this.#folder }, 'spool folder is polled only');
    }
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watcher?.close();
    this.#poke();
    await this.#loop;
  }

  #poke(): void {
    this.#woken = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#woken = false;
      try {
        await this.#takeDeadImports();
        while ((await this.#takeRound()) >= spoolFilesPerRound && !this.#stopping.signal.aborted);
      } catch (error) {
        this.#options.logger.error({ error, folder: this.#folder }, 'spool folder cannot be read');
      }
      await this.#sleep();
    }
  }

  async #sleep(): Promise<void> {
    if (this.#woken || this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(pollMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = () => {};
  }

  /** Of processes that were killed while a sync changed mail; now and then, as each look costs a lock. */
  async #takeDeadImports(): Promise<void> {
    const now = this.#options.clock.elapsed();
    if (now < this.#importsDueAt) return;
    this.#importsDueAt = now + pollMs;
    for await (const { name } of await opendir(this.#folder)) {
      if (!name.startsWith(importsPrefix)) continue;
      try {
        const count = await takeDeadImports(this.#folder, name);
        if (count > 0)
          this.#options.logger.info(
            { count },
            'a program was killed during syncs: their users count as changed',
          );
      } catch (error) {
        if (!isGone(error)) this.#options.logger.warn({ error, folder: name }, 'open imports cannot be read');
      }
    }
  }

  /** Takes up to {@link spoolFilesPerRound} files; answers how many it took. One that cannot be taken holds up no other. */
  async #takeRound(): Promise<number> {
    const taken = new Set<string>();
    const refused = new Set<string>();
    for await (const { name } of await opendir(this.#folder)) {
      if (taken.size >= spoolFilesPerRound) break;
      if (name.startsWith('.') && !name.startsWith(claimPrefix)) continue;
      try {
        const claim = await this.#claim(name);
        // The folder may list what was renamed a moment ago.
        if (claim === undefined || taken.has(claim)) continue;
        await this.#takeLines(claim);
        taken.add(claim);
      } catch (error) {
        if (!isGone(error)) this.#refuse(name, error, refused);
      }
    }
    this.#refused = refused;
    if (taken.size === 0) return 0;
    await this.#feed.settled();
    for (const claim of taken) await this.#remove(claim, refused);
    return taken.size;
  }

  /** Reported once, not with every round. */
  #refuse(name: string, error: unknown, refused: Set<string>): void {
    if (refused.size >= spoolFilesPerRound) return;
    refused.add(name);
    if (this.#refused.has(name)) return;
    this.#options.logger.warn(
      {
        error,
        folder: this.#folder,
        file: quote(name),
        hint: 'remove it, or make it a file that dsyncd may read',
      },
      'spool file cannot be taken',
    );
  }

  async #remove(claim: string, refused: Set<string>): Promise<void> {
    try {
      await unlink(claim);
    } catch (error) {
      if (!isGone(error)) this.#refuse(basename(claim), error, refused);
    }
  }

  async #takeLines(path: string): Promise<void> {
    const parser = new NotifyParser();
    const handle = await open(path, openFlags);
    try {
      if (!(await handle.stat()).isFile()) throw new Error('it is no plain file');
      for await (const chunk of handle.createReadStream({ autoClose: false })) {
        this.#feed.add(parser.push(chunk as Buffer));
        if (this.#feed.isFull) await this.#feed.settled();
      }
    } finally {
      await handle.close();
    }
    // The last line counts too when its end was forgotten.
    if (parser.heldBytes > 0) this.#feed.add(parser.push(Buffer.from('\n')));
  }

  /** The path of the claimed file; undefined for one that is not finished. */
  async #claim(name: string): Promise<string | undefined> {
    const path = join(this.#folder, name);
    if (name.startsWith(claimPrefix)) return path;
    if (!(await this.#isFinished(path))) return undefined;
    const claim = join(this.#folder, `${claimPrefix}${process.pid}-${Date.now()}-${this.#claims++}`);
    await rename(path, claim);
    return claim;
  }

  async #isFinished(path: string): Promise<boolean> {
    const handle = await open(path, openFlags);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new Error('it is no plain file');
      if (Date.now() - stat.mtimeMs >= unfinishedMs) return true;
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, Math.max(0, stat.size - 1));
      return bytesRead === 1 && buffer[0] === 0x0a;
    } finally {
      await handle.close();
    }
  }

  async removeOldTemporaries(): Promise<void> {
    for await (const { name } of await opendir(this.#folder)) {
      if (!name.startsWith(temporaryPrefix)) continue;
      const path = join(this.#folder, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (Date.now() - mtimeMs > temporaryAgeMs) await unlink(path).catch(() => {});
    }
  }
}
