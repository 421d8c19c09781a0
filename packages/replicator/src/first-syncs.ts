/** Samples of this long count: a host that was slow this morning may be quick now. */
const windowMs = 600_000;
/** Before that, the first users synced say nothing of the others. */
const sampleMsMin = 20_000;

/** How long it takes until every user of a channel has had a first sync, guessed from how quickly they went lately. Pure. */
export class FirstSyncs {
  readonly #samples: { readonly at: number; readonly left: number }[] = [];

  /** @param left - users never synced; @param at - Unix milliseconds, ascending */
  note(left: number, at: number): void {
    const last = this.#samples.at(-1);
    // More than before: users were added, and what came before tells nothing of them.
    if (left === 0 || (last !== undefined && left > last.left)) this.#samples.length = 0;
    while (this.#samples.length > 1 && at - (this.#samples[0]?.at ?? at) > windowMs) this.#samples.shift();
    if (left > 0) this.#samples.push({ at, left });
  }

  /** Milliseconds; undefined: nobody is left, or it cannot be told yet. */
  get leftMs(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const done = first.left - last.left;
    if (done <= 0 || last.at - first.at < sampleMsMin) return undefined;
    return Math.round(((last.at - first.at) / done) * last.left);
  }
}
