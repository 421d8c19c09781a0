import { DsyncdError, fail, type UserName } from '@dsyncd/core';
import { growUint8 } from './growth.ts';
import type { RunningClaim } from './running-claim.ts';

/**
 * Users of all channels: name to id and back, how many channels know each, and which sync runs.
 *
 * Ids are small and used again, so that arrays by id stay dense.
 */
export class UserTable {
  readonly #ids = new Map<string, number>();
  readonly #names: (string | undefined)[] = [];
  readonly #freeIds: number[] = [];
  readonly #running = new Map<number, RunningClaim>();
  /** Channels that know the user; an id is given free when none does and no sync runs. */
  #channelCounts = new Uint8Array(0);
  /** 1 while a sync of the user runs; a byte array, for the hot path. */
  #busy = new Uint8Array(0);
  readonly #usersMax: number;
  readonly #onChange: (user: number) => void;

  constructor(usersMax: number, onChange: (user: number) => void) {
    this.#usersMax = usersMax;
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** One more than the greatest id in use. */
  get idBound(): number {
    return this.#names.length;
  }

  idOf(name: string): number | undefined {
    return this.#ids.get(name);
  }

  nameOf(id: number): UserName | undefined {
    return this.#names[id] as UserName | undefined;
  }

  /**
   * The id of the name, a new one when it is not known.
   * @throws {DsyncdError} `DSYNCD_QUEUE_USERS_MAX` when there are too many users.
   */
  obtain(name: UserName): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.#ids.size >= this.#usersMax) throw tooManyUsers(this.#usersMax);
    const id = this.#freeIds.pop() ?? this.#names.length;
    this.#adopt(id, flatCopy(name));
    this.#onChange(id);
    return id;
  }

  /** Puts a user of the disk back under its old id; false when id or name is taken or cannot be. */
  restore(id: number, name: UserName): boolean {
    if (!Number.isInteger(id) || id < 0 || id >= this.#usersMax) return false;
    if (this.#ids.has(name) || this.#names[id] !== undefined) return false;
    // Fill the gap, so that the names stay a dense array.
    while (this.#names.length < id) this.#names.push(undefined);
    this.#adopt(id, name);
    return true;
  }

  /** After {@link restore}: makes gaps usable, and frees users that no channel knows. */
  finishRestore(): void {
    this.#freeIds.length = 0;
    for (let id = this.#names.length - 1; id >= 0; id--) {
      if (this.#names[id] === undefined) this.#freeIds.push(id);
      else this.release(id);
    }
  }

  runningOf(id: number): RunningClaim | undefined {
    return this.#running.get(id);
  }

  isRunning(id: number): boolean {
    return this.#busy[id] === 1;
  }

  running(): IterableIterator<RunningClaim> {
    return this.#running.values();
  }

  get runningCount(): number {
    return this.#running.size;
  }

  start(id: number, claim: RunningClaim): void {
    if (this.#running.has(id)) fail('a user was claimed twice');
    this.#running.set(id, claim);
    this.#busy[id] = 1;
  }

  stop(id: number): void {
    this.#running.delete(id);
    this.#busy[id] = 0;
  }

  /** A channel got to know the user (1) or forgot it (-1). */
  countChannel(id: number, difference: 1 | -1): void {
    this.#channelCounts[id] = (this.#channelCounts[id] ?? 0) + difference;
  }

  /** Gives the id free if nothing needs it any more. */
  release(id: number): void {
    const name = this.#names[id];
    if (name === undefined || (this.#channelCounts[id] ?? 0) > 0 || this.#busy[id] === 1) return;
    this.#ids.delete(name);
    this.#names[id] = undefined;
    this.#freeIds.push(id);
    this.#onChange(id);
  }

  #adopt(id: number, name: string): void {
    this.#ids.set(name, id);
    this.#names[id] = name;
    if (id < this.#busy.length) return;
    const capacity = Math.ceil((id + 1) * 1.5);
    this.#busy = growUint8(this.#busy, capacity);
    this.#channelCounts = growUint8(this.#channelCounts, capacity);
  }
}

/** A name cut out of a block of lines would keep the whole block in memory. */
const flatCopy = (name: string): string => Buffer.from(name).toString();

const tooManyUsers = (usersMax: number): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_USERS_MAX', `the queue knows ${usersMax} users and takes no more`, {
    outcome: 'operator',
    hint: 'see which users were notified: a program that may write to the notification sockets invents names',
  });
