import type { HomePlace } from '../wire.ts';
import { openIndex } from './open-index.ts';
import type { UserIndex } from './user-index.ts';

/** Open indexes of one worker: a file and some 10 KiB each. */
export const openIndexesMax = 1024;

/** Keeps the indexes used last open; one that was replaced on disk is opened anew. */
export class IndexCache {
  readonly #open = new Map<string, UserIndex>();
  readonly #max: number;

  constructor(max = openIndexesMax) {
    this.#max = max;
  }

  take(place: HomePlace, create: boolean, onOpen: (index: UserIndex, isNew: boolean) => void): UserIndex {
    const known = this.#open.get(place.home);
    if (known?.isCurrent()) {
      this.#open.delete(place.home);
      this.#open.set(place.home, known);
      return known;
    }
    if (known !== undefined) this.drop(known);
    const { index, isNew } = openIndex(place, create);
    try {
      onOpen(index, isNew);
    } catch (error) {
      index.close();
      throw error;
    }
    this.#open.set(place.home, index);
    this.#makeRoom();
    return index;
  }

  drop(index: UserIndex): void {
    if (this.#open.get(index.home) === index) this.#open.delete(index.home);
    // In use: whoever uses it closes it when done, see `done`.
    if (index.users === 0) index.close();
  }

  /** Closes an index that was dropped while it was used. */
  done(index: UserIndex): void {
    if (index.users === 0 && this.#open.get(index.home) !== index) index.close();
  }

  closeAll(): void {
    for (const index of this.#open.values()) index.close();
    this.#open.clear();
  }

  #makeRoom(): void {
    for (const index of this.#open.values()) {
      if (this.#open.size <= this.#max) return;
      if (index.users === 0) this.drop(index);
    }
  }
}
