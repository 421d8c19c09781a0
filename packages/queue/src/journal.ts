/**
 * What a ScheduledQueue needs of whatever keeps its records: changes are noted at once and become
 * durable in numbered batches. User and channel are the scheduler's numbers.
 */
export interface Journal {
  /** The record is to be written with the next batch. */
  noteRecord(channel: number, user: number): void;
  /** The user's name was given or taken. */
  noteUser(user: number): void;
  /** `''` drops the state. It becomes durable with the record, which has to be noted after this. */
  noteState(channel: number, user: number, state: string): void;
  /** A channel was paused or resumed; answers the batch that makes it durable. */
  noteChannels(): number;
  /** The batch that makes the record's last change durable. */
  batchOf(channel: number, user: number): number;
  /** Settles when that batch is durable; rejects with a DsyncdError when its write failed (it is tried again). */
  settled(batch: number): Promise<void>;
  /** The last noted state; undefined when there is none or it cannot be read. */
  readState(channel: number, user: number): Promise<string | undefined>;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** States in memory, nothing durable. */
export class MemoryJournal implements Journal {
  readonly #states = new Map<string, string>();

  noteRecord(): void {}
  noteUser(): void {}

  noteChannels(): number {
    return 0;
  }

  noteState(channel: number, user: number, state: string): void {
    if (state === '') this.#states.delete(`${channel} ${user}`);
    else this.#states.set(`${channel} ${user}`, state);
  }

  batchOf(): number {
    return 0;
  }

  async settled(): Promise<void> {}

  async readState(channel: number, user: number): Promise<string | undefined> {
    return this.#states.get(`${channel} ${user}`);
  }

  async close(): Promise<void> {
    this.#states.clear();
  }
}
