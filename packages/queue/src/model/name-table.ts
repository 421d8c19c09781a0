import { growUint8, growUint32 } from './collections.ts';

const absent = -1;
const notAscii = -1;
const fillMax = 0.7;
const bytesMin = 64 * 1024;

/**
 * Names by small ids, and ids by names, for millions of them: the names' UTF-8 bytes in one array and
 * an open hash table beside it. Takes half the memory of a `Map` and finds a name cut out of a block
 * of lines several times faster. Names have 1 to 255 bytes.
 */
export class NameTable {
  #bytes = Buffer.alloc(bytesMin);
  #bytesUsed = 0;
  #bytesWasted = 0;
  #starts = new Uint32Array(0);
  /** In bytes, by id; 0 where the id has no name. */
  #lengths = new Uint8Array(0);
  #slots = new Int32Array(64).fill(absent);
  #hashes = new Uint32Array(64);
  #size = 0;
  #idBound = 0;
  readonly #seed: number;

  /** @param seed - any integer; one that others do not know keeps them from choosing names that collide. */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  get size(): number {
    return this.#size;
  }

  /** One more than the greatest id that ever had a name. */
  get idBound(): number {
    return this.#idBound;
  }

  has(id: number): boolean {
    return (this.#lengths[id] ?? 0) > 0;
  }

  /** The id of the name, or -1. */
  find(name: string): number {
    const hash = this.#hashAscii(name);
    if (hash === notAscii) {
      const bytes = Buffer.from(name);
      return this.#slots[this.#slotOf(this.#hashBytes(bytes), (id) => this.#hasBytes(id, bytes))] as number;
    }
    // Written out, not by #slotOf: this is the hot path of the intake.
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot] as number;
      if (id === absent || (this.#hashes[slot] === hash && this.#isAscii(id, name))) return id;
    }
  }

  name(id: number): string | undefined {
    const length = this.#lengths[id] ?? 0;
    if (length === 0) return undefined;
    const start = this.#starts[id] as number;
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** Gives a free id a name that no other id has. */
  set(id: number, name: string): void {
    const bytes = Buffer.from(name);
    if (id >= this.#lengths.length) this.reserve(Math.ceil((id + 1) * 1.5));
    if (this.#bytesUsed + bytes.length > this.#bytes.length) this.#makeRoom(bytes.length);
    bytes.copy(this.#bytes, this.#bytesUsed);
    this.#starts[id] = this.#bytesUsed;
    this.#lengths[id] = bytes.length;
    this.#bytesUsed += bytes.length;
    this.#idBound = Math.max(this.#idBound, id + 1);
    this.#size++;
    if (this.#size > this.#slots.length * fillMax) this.#rehash();
    const hash = this.#hashBytes(bytes);
    const slot = this.#slotOf(hash, () => false);
    this.#slots[slot] = id;
    this.#hashes[slot] = hash;
  }

  delete(id: number): void {
    const length = this.#lengths[id] ?? 0;
    if (length === 0) return;
    const start = this.#starts[id] as number;
    const hash = this.#hashBytes(this.#bytes.subarray(start, start + length));
    this.#emptySlot(this.#slotOf(hash, (other) => other === id));
    this.#lengths[id] = 0;
    this.#bytesWasted += length;
    this.#size--;
  }

  reserve(capacity: number): void {
    if (capacity <= this.#lengths.length) return;
    this.#lengths = growUint8(this.#lengths, capacity);
    this.#starts = growUint32(this.#starts, capacity);
  }

  #hashAscii(name: string): number {
    let hash = this.#seed;
    for (let index = 0; index < name.length; index++) {
      const code = name.charCodeAt(index);
      if (code > 0x7f) return notAscii;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  #hashBytes(bytes: Buffer): number {
    let hash = this.#seed;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  #isAscii(id: number, name: string): boolean {
    const { length } = name;
    if (this.#lengths[id] !== length) return false;
    const start = this.#starts[id] as number;
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++)
      if (bytes[start + index] !== name.charCodeAt(index)) return false;
    return true;
  }

  #hasBytes(id: number, bytes: Buffer): boolean {
    const start = this.#starts[id] as number;
    return bytes.equals(this.#bytes.subarray(start, start + (this.#lengths[id] as number)));
  }

  /** The slot whose id is meant, or the free one at the end of the search. */
  #slotOf(hash: number, isMeant: (id: number) => boolean): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot] as number;
      if (id === absent || (this.#hashes[slot] === hash && isMeant(id))) return slot;
    }
  }

  /** Frees a slot and moves up the entries that stand behind it only because it was taken. */
  #emptySlot(start: number): void {
    const mask = this.#slots.length - 1;
    let hole = start;
    for (let slot = (hole + 1) & mask; this.#slots[slot] !== absent; slot = (slot + 1) & mask) {
      const home = (this.#hashes[slot] as number) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#slots[hole] = this.#slots[slot] as number;
      this.#hashes[hole] = this.#hashes[slot] as number;
      hole = slot;
    }
    this.#slots[hole] = absent;
  }

  #rehash(): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    this.#slots = new Int32Array(slots.length * 2).fill(absent);
    this.#hashes = new Uint32Array(slots.length * 2);
    for (const [index, id] of slots.entries()) {
      if (id === absent) continue;
      const hash = hashes[index] as number;
      const slot = this.#slotOf(hash, () => false);
      this.#slots[slot] = id;
      this.#hashes[slot] = hash;
    }
  }

  /** Takes a larger array and leaves out what deleted names held. */
  #makeRoom(count: number): void {
    const needed = this.#bytesUsed - this.#bytesWasted + count;
    const packed = Buffer.alloc(Math.max(bytesMin, Math.ceil(needed * 1.3)));
    let used = 0;
    for (let id = 0; id < this.#idBound; id++) {
      const length = this.#lengths[id] as number;
      if (length === 0) continue;
      const start = this.#starts[id] as number;
      this.#bytes.copy(packed, used, start, start + length);
      this.#starts[id] = used;
      used += length;
    }
    this.#bytes = packed;
    this.#bytesUsed = used;
    this.#bytesWasted = 0;
  }
}
