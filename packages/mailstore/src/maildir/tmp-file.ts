import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { isMissing, storeError } from './errors.ts';
import { tmpFolder } from './home-files.ts';
import { openBodiesOf } from './open-files-limit.ts';
import type { HomePlace } from './wire.ts';

const flags = 'wx';
const mode = 0o600;

/** Files of this process that are held open while their bodies come. */
let heldCount = 0;
const heldMax = openBodiesOf();

/** Where the bytes of a file go. */
interface Writer {
  write(chunk: Uint8Array): Promise<void>;
  /** All of it is on disk and the file closed. */
  finish(): Promise<void>;
  /** Settles when the file is closed; one that is being opened would be made once more. */
  destroy(): Promise<void>;
}

/** A body in `tmp`. What fails about the file is told as an error of the store; it is there until {@link remove}. */
export class TmpFile {
  readonly name: string;
  readonly #path: string;
  readonly #place: HomePlace;
  readonly #writer: Writer;

  private constructor(place: HomePlace, name: string) {
    this.name = name;
    this.#place = place;
    this.#path = join(tmpFolder(place.home), name);
    this.#writer = heldCount < heldMax ? new HeldFile(this.#path) : new ReopenedFile(this.#path);
  }

  static async create(place: HomePlace, name: string): Promise<TmpFile> {
    const folder = tmpFolder(place.home);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw storeError(error, place, folder);
    }
    return new TmpFile(place, name);
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) await this.#told(() => this.#writer.write(chunk));
  }

  finish(): Promise<void> {
    return this.#told(() => this.#writer.finish());
  }

  async remove(): Promise<void> {
    await this.#writer.destroy();
    await removeIfThere(this.#path);
  }

  async #told(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw storeError(error, this.#place, this.#path);
    }
  }
}

/** Stays open from the first byte to the last. */
class HeldFile implements Writer {
  readonly #stream: ReturnType<typeof createWriteStream>;
  readonly #closed: Promise<void>;

  constructor(path: string) {
    heldCount++;
    // `flush` has the bytes on disk before it is closed.
    this.#stream = createWriteStream(path, { flags, mode, flush: true });
    // Told by the next write or by `finish`.
    this.#stream.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      this.#stream.once('close', () => {
        heldCount--;
        resolve();
      });
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#stream.errored) throw this.#stream.errored;
    if (!this.#stream.write(chunk)) await once(this.#stream, 'drain');
  }

  async finish(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }

  destroy(): Promise<void> {
    this.#stream.destroy();
    return this.#closed;
  }
}

/** Opens so many at once. */
const reopenedMax = 8;
let reopenedCount = 0;
const turns: (() => void)[] = [];

/**
 * Is open only while a piece is written: a thousand bodies that come at once must not use up the files of the process,
 * and none of them can wait for another, as the pieces of one mail for many users come at one pace.
 */
class ReopenedFile implements Writer {
  readonly #path: string;
  #isMade = false;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#open(async (file) => {
      for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
    });
  }

  finish(): Promise<void> {
    return this.#open((file) => file.sync());
  }

  destroy(): Promise<void> {
    return this.#last;
  }

  #open(work: (file: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
    const done = inTurn(async () => {
      const file = await open(this.#path, this.#isMade ? 'a' : flags, mode);
      this.#isMade = true;
      try {
        await work(file);
      } finally {
        await file.close();
      }
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}

async function inTurn(work: () => Promise<void>): Promise<void> {
  if (reopenedCount >= reopenedMax) await new Promise<void>((resolve) => turns.push(resolve));
  else reopenedCount++;
  try {
    await work();
  } finally {
    const next = turns.shift();
    if (next === undefined) reopenedCount--;
    else next();
  }
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
