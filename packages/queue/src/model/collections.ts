/** Larger copies of typed arrays; they cannot grow in place. */

export function growInt32(array: Int32Array, length: number, filler: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length);
  grown.set(array);
  if (filler !== 0) grown.fill(filler, array.length);
  return grown;
}

export function growFloat64(array: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(length);
  grown.set(array);
  return grown;
}

export function growUint8(array: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(length);
  grown.set(array);
  return grown;
}

export function growUint32(array: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(length);
  grown.set(array);
  return grown;
}

const absent = -1;

/**
 * A minimum heap of small integer ids: insert, move and delete in O(log n), membership in O(1).
 *
 * Keys stand beside the ids in heap order, so an empty heap costs 4 bytes per possible id only.
 */
export class IndexedHeap {
  #ids = new Int32Array(16);
  #keys = new Float64Array(16);
  #positions = new Int32Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The id with the smallest key, or -1. */
  get firstId(): number {
    return this.#size === 0 ? absent : (this.#ids[0] as number);
  }

  /** The smallest key, or Infinity. */
  get firstKey(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#keys[0] as number);
  }

  /** All keys, in no special order; valid until the next change. */
  get keys(): Float64Array {
    return this.#keys.subarray(0, this.#size);
  }

  has(id: number): boolean {
    return (this.#positions[id] ?? absent) !== absent;
  }

  /** Makes room for ids below `capacity` at once, so that a bulk load does not grow step by step. */
  reserve(capacity: number): void {
    if (capacity > this.#positions.length) this.#positions = growInt32(this.#positions, capacity, absent);
  }

  /** Inserts the id, or moves it to its new key. */
  set(id: number, key: number): void {
    if (id >= this.#positions.length) this.reserve(Math.ceil((id + 1) * 1.5));
    const position = this.#positions[id] as number;
    if (position !== absent) {
      this.#settle(position, id, key);
      return;
    }
    if (this.#size === this.#ids.length) this.#grow();
    this.#settle(this.#size++, id, key);
  }

  delete(id: number): boolean {
    const position = this.#positions[id] ?? absent;
    if (position === absent) return false;
    this.#positions[id] = absent;
    this.#size--;
    if (position < this.#size)
      this.#settle(position, this.#ids[this.#size] as number, this.#keys[this.#size] as number);
    return true;
  }

  /** Puts id and key where they belong, starting at a free position. */
  #settle(start: number, id: number, key: number): void {
    const keys = this.#keys;
    let position = start;
    while (position > 0) {
      const parent = (position - 1) >>> 1;
      if ((keys[parent] as number) <= key) break;
      this.#place(position, this.#ids[parent] as number, keys[parent] as number);
      position = parent;
    }
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= key) break;
      this.#place(position, this.#ids[child] as number, keys[child] as number);
      position = child;
    }
    this.#place(position, id, key);
  }

  #place(position: number, id: number, key: number): void {
    this.#ids[position] = id;
    this.#keys[position] = key;
    this.#positions[id] = position;
  }

  #grow(): void {
    const capacity = Math.ceil(this.#ids.length * 1.5);
    this.#ids = growInt32(this.#ids, capacity, 0);
    const keys = new Float64Array(capacity);
    keys.set(this.#keys);
    this.#keys = keys;
  }
}
