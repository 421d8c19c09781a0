/** Staged bodies: small ones stay in memory until they are saved, others go to `tmp` at once. */

import { join } from 'node:path';
import { limitError, stageGoneError } from '../errors.ts';
import type { StagedBody } from '../port.ts';
import { SizeCounter } from '../virtual-size.ts';
import { tmpFolder } from './home-files.ts';
import { removeIfThere, TmpFile } from './tmp-file.ts';
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

export interface StageParts {
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
