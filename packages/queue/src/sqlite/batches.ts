import { growFloat64 } from '../model/collections.ts';
import { channelOfKey, recordKey, userOfKey } from './messages.ts';

/** One commit holds at most so many records: a bound on memory and on how long a commit takes. */
export const batchRecordsMax = 10_000;

export interface Batch {
  readonly number: number;
  readonly keys: number[];
  readonly users: Set<number>;
  /** Are the channels to be written too? */
  hasChannels: boolean;
}

/**
 * Which records are to be written, in numbered batches that are written one after another. A record
 * that changes again while it waits is written once.
 */
export class Batches {
  /** By user: the batch of the name's last change; forgotten once that is written. */
  readonly #nameNumbers = new Map<number, number>();
  /** By channel, then by user: the batch of the record's last change. */
  readonly #numbers: Float64Array[] = [];
  #waiting: Batch[] = [newBatch(1)];
  /** Batches from this number on are not yet taken. */
  #firstWaiting = 1;

  noteRecord(channel: number, user: number): void {
    const numbers = this.#numbersOf(channel, user);
    if ((numbers[user] as number) >= this.#firstWaiting) return;
    let tail = this.#tail();
    if (tail.keys.length >= batchRecordsMax) {
      tail = newBatch(tail.number + 1);
      this.#waiting.push(tail);
    }
    tail.keys.push(recordKey(channel, user));
    numbers[user] = tail.number;
  }

  noteUser(user: number): void {
    const tail = this.#tail();
    tail.users.add(user);
    this.#nameNumbers.set(user, tail.number);
  }

  noteChannels(): number {
    const tail = this.#tail();
    tail.hasChannels = true;
    return tail.number;
  }

  /** With which batch the record is durable, together with the name of its user: an id is used again for another one. */
  batchOf(channel: number, user: number): number {
    return Math.max(this.#numbers[channel]?.[user] ?? 0, this.#nameNumbers.get(user) ?? 0);
  }

  /** As {@link noteUser}, written before all records: none may be durable before its user. */
  noteUserFirst(user: number): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    first.users.add(user);
    this.#nameNumbers.set(user, Math.max(first.number, this.#nameNumbers.get(user) ?? 0));
  }

  /** The batch is durable. */
  written({ number, users }: Batch): void {
    for (const user of users) if (this.#nameNumbers.get(user) === number) this.#nameNumbers.delete(user);
  }

  /** The next batch to write, or undefined when nothing has changed. */
  take(): Batch | undefined {
    const batch = this.#waiting[0];
    if (batch === undefined || isEmpty(batch)) return undefined;
    this.#waiting.shift();
    this.#firstWaiting = batch.number + 1;
    if (this.#waiting.length === 0) this.#waiting = [newBatch(batch.number + 1)];
    return batch;
  }

  /** Takes back a batch that could not be written. */
  giveBack(batch: Batch): void {
    for (const user of batch.users) this.noteUserFirst(user);
    for (const key of batch.keys) this.noteRecord(channelOfKey(key), userOfKey(key));
    if (batch.hasChannels) this.noteChannels();
  }

  #tail(): Batch {
    return this.#waiting[this.#waiting.length - 1] as Batch;
  }

  #numbersOf(channel: number, user: number): Float64Array {
    const numbers = this.#numbers[channel];
    if (numbers !== undefined && user < numbers.length) return numbers;
    const grown = growFloat64(numbers ?? new Float64Array(0), Math.ceil((user + 1) * 1.5));
    while (this.#numbers.length < channel) this.#numbers.push(new Float64Array(0));
    this.#numbers[channel] = grown;
    return grown;
  }
}

const newBatch = (number: number): Batch => ({ number, keys: [], users: new Set(), hasChannels: false });

const isEmpty = ({ keys, users, hasChannels }: Batch): boolean =>
  keys.length === 0 && users.size === 0 && !hasChannels;
