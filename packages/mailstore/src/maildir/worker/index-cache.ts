import { isOutOfFiles } from '../errors.ts';
import type { HomePlace } from '../wire.ts';
import { openIndex } from './open-index.ts';
import type { UserIndex } from './user-index.ts';

/** Keeps the indexes used last open; one that was replaced on disk is opened anew. */
export class IndexCache {
  readonly #open = new Map<string, UserIndex>();
  readonly #max: number;

  /** @param max - open indexes: two files and some 10 KiB each */
  constructor(max: number) {
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
    const { index, isNew } = this.#openIndex(place, create);
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

  /** The process has no files left: gives back those that nobody uses just now, and tries once more. */
  #openIndex(place: HomePlace, create: boolean): ReturnType<typeof openIndex> {
    try {
      return openIndex(place, create);
    } catch (error) {
      if (!isOutOfFiles(error)) throw error;
      this.giveBack();
      return openIndex(place, create);
    }
  }

  /** Closes all that are not in use. */
  giveBack(): void {
    for (const index of [...this.#open.values()]) if (index.users === 0) this.drop(index);
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
