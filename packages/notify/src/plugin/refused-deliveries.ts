import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, type Logger, systemCode } from '@dsyncd/core';

/** What dsync-lmtp leaves for dsyncd about deliveries that it refuses until the replica has them. Unix milliseconds. */
export interface RefusedDeliveries {
  /** Refusals since the file was made; a mail that is tried again counts again. */
  readonly total: number;
  /** Since when no delivery that needs the replica got there; missing: the last one did. */
  readonly since?: number;
  readonly lastAt?: number;
}

const fileOf = (stateDir: string): string => join(stateDir, 'deliveries-refused.json');

/** @throws when the file is there and cannot be read. */
export async function readRefusedDeliveries(stateDir: string): Promise<RefusedDeliveries> {
  try {
    return JSON.parse(await readFile(fileOf(stateDir), 'utf8')) as RefusedDeliveries;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { total: 0 };
    throw error;
  }
}

/** Keeps the file, for one dsync-lmtp. It shows something to people; no decision about mail depends on it. */
export class RefusalNotes {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #notes: RefusedDeliveries;
  #writing: Promise<void> | undefined;
  #isStale = false;

  private constructor(stateDir: string, notes: RefusedDeliveries, ports: { clock: Clock; logger: Logger }) {
    this.#file = fileOf(stateDir);
    this.#notes = notes;
    this.#clock = ports.clock;
    this.#logger = ports.logger;
  }

  static async open(stateDir: string, ports: { clock: Clock; logger: Logger }): Promise<RefusalNotes> {
    const notes = await readRefusedDeliveries(stateDir).catch((error: unknown) => {
      ports.logger.warn({ error }, 'the count of refused deliveries begins anew');
      return { total: 0 };
    });
    return new RefusalNotes(stateDir, notes, ports);
  }

  refused(): void {
    const now = this.#clock.now();
    const { total, since = now } = this.#notes;
    this.#set({ total: total + 1, since, lastAt: now });
  }

  /** A delivery is on the replica. */
  accepted(): void {
    const { since, ...notes } = this.#notes;
    if (since !== undefined) this.#set(notes);
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  #set(notes: RefusedDeliveries): void {
    this.#notes = notes;
    this.#isStale = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** One write at a time; what changes meanwhile goes into the next. */
  async #write(): Promise<void> {
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await mkdir(dirname(this.#file), { recursive: true });
        await writeFile(`${this.#file}.new`, JSON.stringify(this.#notes));
        await rename(`${this.#file}.new`, this.#file);
      }
    } catch (error) {
      this.#logger.warn({ error }, 'status cannot show the refused deliveries');
    }
  }
}
