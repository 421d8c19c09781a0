import { limitError, stageGoneError } from '../errors.ts';
import type { StagedBody } from '../port.ts';
import { SizeCounter } from '../virtual-size.ts';

/** A body's bytes with their sizes. Copies of a mail share it. */
export interface MemoryBody {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly virtualSize: number;
}

export class MemoryStage implements StagedBody {
  readonly size: number;
  readonly virtualSize: number;
  #body: MemoryBody | undefined;

  constructor(body: MemoryBody) {
    this.size = body.size;
    this.virtualSize = body.virtualSize;
    this.#body = body;
  }

  /** Hands the body over; once only. */
  take(): MemoryBody {
    const body = this.#body;
    if (body === undefined) throw stageGoneError();
    this.#body = undefined;
    return body;
  }

  /** Undoes {@link MemoryStage.take}. */
  giveBack(body: MemoryBody): void {
    this.#body = body;
  }

  discard(): Promise<void> {
    this.#body = undefined;
    return Promise.resolve();
  }
}

export const asMemoryStage = (stage: StagedBody): MemoryStage => {
  if (stage instanceof MemoryStage) return stage;
  throw stageGoneError();
};

/** @throws {DsyncdError} `DSYNCD_STORE_LIMIT` when the mail has more than `bytesMax` bytes. */
export async function readBody(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<MemoryBody> {
  const counter = new SizeCounter();
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) {
    counter.add(chunk);
    if (counter.size > bytesMax) throw limitError(`a mail of more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), size: counter.size, virtualSize: counter.virtualSize };
}
