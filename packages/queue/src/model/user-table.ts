import {
  fail,
  formatUserName,
  hasWildcard,
  type Random,
  type UserName,
  type UsernameFormat,
} from '@dsyncd/core';
import { growUint8 } from './collections.ts';
import { NameTable } from './name-table.ts';
import type { RunningClaim } from './running-claim.ts';

/** In place of an id: the table is full. */
export const noRoom = -2;

/**
 * Users of all channels: name to id and back, how many channels know each, and which sync runs.
 *
 * Ids are small and used again, so that arrays by id stay dense.
 */
export class UserTable {
  readonly #names: NameTable;
  readonly #freeIds: number[] = [];
  readonly #running = new Map<number, RunningClaim>();
  /** Channels that know the user; an id is given free when none does and no sync runs. */
  #channelCounts = new Uint8Array(0);
  /** 1 while a sync of the user runs; a byte array, for the hot path. */
  #busy = new Uint8Array(0);
  readonly usersMax: number;
  readonly format: UsernameFormat;
  readonly #onChange: (user: number) => void;

  constructor(options: {
    readonly usersMax: number;
    readonly random: Random;
    readonly format: UsernameFormat;
    readonly onChange: (user: number) => void;
  }) {
    const { usersMax, random, format, onChange } = options;
    this.usersMax = usersMax;
    this.format = format;
    this.#names = new NameTable(random.fraction() * 2 ** 32);
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#names.size;
  }

  /** One more than the greatest id that was ever in use. */
  get idBound(): number {
    return this.#names.idBound;
  }

  /** Whoever is known by this very name, else by its one spelling: names that are known cost no thought of it. */
  idOf(name: string): number | undefined {
    const id = this.#names.find(name);
    if (id >= 0) return id;
    const one = this.spelt(name as UserName);
    const other = one === name ? id : this.#names.find(one);
    return other < 0 ? undefined : other;
  }

  /** A mask in the one spelling; a whole name as it is known, which may be an older spelling that waits for `respell`. */
  maskOf(mask: string): string {
    const known = hasWildcard(mask) ? undefined : this.idOf(mask);
    return (known === undefined ? undefined : this.nameOf(known)) ?? this.spelt(mask as UserName);
  }

  /** The one spelling of the name. */
  spelt(name: UserName): UserName {
    return formatUserName(name, this.format);
  }

  nameOf(id: number): UserName | undefined {
    return this.#names.name(id) as UserName | undefined;
  }

  reserve(capacity: number): void {
    this.#names.reserve(capacity);
    if (capacity <= this.#busy.length) return;
    this.#busy = growUint8(this.#busy, capacity);
    this.#channelCounts = growUint8(this.#channelCounts, capacity);
  }

  /** The id of the name, a new one when it is not known; {@link noRoom} when there are too many users. */
  obtain(name: UserName): number {
    const known = this.idOf(name);
    if (known !== undefined) return known;
    if (this.#names.size >= this.usersMax) return noRoom;
    const id = this.#freeIds.pop() ?? this.#names.idBound;
    this.#adopt(id, this.spelt(name));
    this.#onChange(id);
    return id;
  }

  /** Puts a user of the disk back under its old id; false when id or name is taken or cannot be. */
  restore(id: number, name: UserName): boolean {
    if (!Number.isInteger(id) || id < 0 || id >= this.usersMax) return false;
    if (this.#names.has(id) || this.#names.find(name) >= 0) return false;
    this.#adopt(id, name);
    return true;
  }

  /** After {@link restore}: makes gaps usable, and frees users that no channel knows. */
  finishRestore(): void {
    this.#freeIds.length = 0;
    for (let id = this.#names.idBound - 1; id >= 0; id--) {
      if (!this.#names.has(id)) this.#freeIds.push(id);
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
    if (!this.#names.has(id) || (this.#channelCounts[id] ?? 0) > 0 || this.#busy[id] === 1) return;
    this.#names.delete(id);
    this.#freeIds.push(id);
    this.#onChange(id);
  }

  #adopt(id: number, name: string): void {
    this.#names.set(id, name);
    if (id >= this.#busy.length) this.reserve(Math.ceil((id + 1) * 1.5));
  }
}
