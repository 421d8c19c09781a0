/** Staged bodies: small ones stay in memory until they are saved, others go to `tmp` at once. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { limitError, stageGoneError } from '../errors.ts';
import type { StagedBody } from '../port.ts';
import { SizeCounter } from '../store-rules.ts';
import { isMissing, storeError } from './disk-errors.ts';
import { tmpFolder } from './names-on-disk.ts';
import { openBodiesOf } from './open-files-limit.ts';
import type { HomePlace, WireStage } from './wire.ts';

/** A larger body goes to `tmp`. */
export const stagedBodyInMemoryBytesMax = 64 * 1024;
/** All bodies of a store that are staged in memory; when they have more, the next ones go to `tmp`. */
export const stagedInMemoryBytesMax = 32 * 1024 * 1024;

/** Counts the bytes that the stages of one store hold in memory. */
export class StageMemory {
  used = 0;

  hasRoom(bytes: number): boolean {
    return bytes <= stagedBodyInMemoryBytesMax && this.used + bytes <= stagedInMemoryBytesMax;
  }
}

export class MaildirStage implements StagedBody {
  readonly home: string;
  readonly #wire: WireStage;
  readonly #memory: StageMemory;
  #state: 'staged' | 'taken' | 'gone' = 'staged';

  constructor(home: string, wire: WireStage, memory: StageMemory) {
    this.home = home;
    this.#wire = wire;
    this.#memory = memory;
    if (wire.kind === 'bytes') memory.used += wire.size;
  }

  get size(): number {
    return this.#wire.size;
  }

  get virtualSize(): number {
    return this.#wire.virtualSize;
  }

  /** Hands the body to one call; {@link giveBack} or {@link saved} ends that. */
  take(): WireStage {
    if (this.#state !== 'staged') throw stageGoneError();
    this.#state = 'taken';
    return this.#wire;
  }

  giveBack(): void {
    this.#state = 'staged';
  }

  saved(): void {
    this.#forget();
  }

  async discard(): Promise<void> {
    if (this.#state !== 'staged') return;
    this.#forget();
    if (this.#wire.kind === 'file') await removeIfThere(join(tmpFolder(this.home), this.#wire.name));
  }

  #forget(): void {
    if (this.#wire.kind === 'bytes' && this.#state !== 'gone') this.#memory.used -= this.#wire.size;
    this.#state = 'gone';
  }
}

interface StageParts {
  readonly place: HomePlace;
  readonly memory: StageMemory;
  /** Makes a name in `tmp`, should the body go there. */
  readonly newTmpName: () => string;
  readonly bytesMax: number;
}

/** @throws {DsyncdError} `DSYNCD_STORE_LIMIT` when the mail has more than `bytesMax` bytes. */
export async function stageBody(source: AsyncIterable<Uint8Array>, parts: StageParts): Promise<MaildirStage> {
  const counter = new SizeCounter();
  const chunks: Uint8Array[] = [];
  let file: TmpFile | undefined;
  try {
    for await (const chunk of source) {
      counter.add(chunk);
      if (counter.size > parts.bytesMax) throw limitError(`a mail of more than ${parts.bytesMax} bytes`);
      if (file !== undefined) await file.write([chunk]);
      else {
        chunks.push(chunk);
        if (parts.memory.hasRoom(counter.size)) continue;
        file = await TmpFile.create(parts.place, parts.newTmpName());
        await file.write(chunks);
      }
    }
    await file?.finish();
  } catch (error) {
    await file?.remove();
    throw error;
  }
  const sizes = { size: counter.size, virtualSize: counter.virtualSize };
  const wire: WireStage =
    file === undefined
      ? { kind: 'bytes', bytes: joined(chunks, counter.size), ...sizes }
      : { kind: 'file', name: file.name, ...sizes };
  return new MaildirStage(parts.place.home, wire, parts.memory);
}

/** In a buffer of its own: passing a piece of a shared one to a thread would copy all of it. */
function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

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

/** A body in `tmp`. A failure of the file is thrown as an error of the store; it is there until {@link remove}. */
class TmpFile {
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
    for (const chunk of chunks) await this.#rethrown(() => this.#writer.write(chunk));
  }

  finish(): Promise<void> {
    return this.#rethrown(() => this.#writer.finish());
  }

  async remove(): Promise<void> {
    await this.#writer.destroy();
    await removeIfThere(this.#path);
  }

  async #rethrown(work: () => Promise<void>): Promise<void> {
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
    // The next write or `finish` reports it.
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

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
