import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '@dsyncd/core';

const everyMs = 5_000;

/**
 * Until when every notification that came is known to be in the queue, kept in a file: the next start asks who changed
 * since then.
 */
export class ListenedUntil {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #hasComplained = false;
  #isOver = false;

  constructor(stateDir: string, clock: Clock, logger: Logger) {
    this.#file = join(stateDir, 'listened-until');
    this.#clock = clock;
    this.#logger = logger;
  }

  /** What the last run left, in Unix milliseconds; undefined: nobody knows, or a clock that went back. Call it once the queue is ours. */
  async read(): Promise<number | undefined> {
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    const until = /^\d{1,15}\n$/.test(text) ? Number(text) : undefined;
    return until === undefined || until > this.#clock.now() ? undefined : until;
  }

  /**
   * Begins to note it: what the last run missed has been asked for.
   * @param until - asked every few seconds
   */
  keep(until: () => number): void {
    if (this.#isOver) return;
    this.#timer ??= setInterval(() => void this.#write(until()), everyMs);
    this.#timer.unref();
  }

  /** The last note; none where it was not begun, so that the next start asks for the same. */
  async stop(until: number): Promise<void> {
    this.#isOver = true;
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    await this.#write(until);
  }

  /** Never rejects: the time that the file has is older and makes more work, not less. */
  async #write(until: number): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      try {
        await writeFile(`${this.#file}.new`, `${Math.floor(until)}\n`, { mode: 0o600 });
        await rename(`${this.#file}.new`, this.#file);
        this.#hasComplained = false;
      } catch (error) {
        if (!this.#hasComplained)
          this.#logger.warn({ error, file: this.#file }, 'cannot note until when we listened');
        this.#hasComplained = true;
      }
    });
    await this.#writing;
  }
}
