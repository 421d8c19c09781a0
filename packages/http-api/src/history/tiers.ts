import { addSpan, emptySpan, type Span } from './span.ts';

/** What all channels did in the span that ended at `at` (Unix seconds). */
export interface Row {
  readonly at: number;
  readonly channels: ReadonlyMap<string, Span>;
}

export interface TierSize {
  /** Of the file. */
  readonly name: string;
  /** How long a span is. */
  readonly seconds: number;
  /** Spans that are kept. */
  readonly rowsMax: number;
}

/** An hour, a day, 30 days. */
export const tierSizes: readonly TierSize[] = [
  { name: '10s', seconds: 10, rowsMax: 360 },
  { name: '1min', seconds: 60, rowsMax: 1_440 },
  { name: '15min', seconds: 900, rowsMax: 2_880 },
];

/** Spans of one length. Those that are over do not change any more; the last one may still grow. */
export class Tier {
  readonly size: TierSize;
  #rows: Row[];
  #open: { readonly at: number; readonly channels: Map<string, Span> } | undefined;

  /** @param rows - of earlier, the oldest first */
  constructor(size: TierSize, rows: readonly Row[]) {
    this.size = size;
    this.#rows = rows.slice(-size.rowsMax);
  }

  /** When the last span that is over ended. */
  get closedUntil(): number {
    return this.#rows.at(-1)?.at ?? 0;
  }

  /** The oldest first, with the one that still grows. */
  get rows(): readonly Row[] {
    return this.#open === undefined ? this.#rows : [...this.#rows, this.#open];
  }

  get closedRows(): readonly Row[] {
    return this.#rows;
  }

  /** Adds a span of this length or a shorter one; answers the row that is over by that. */
  add(row: Row): Row | undefined {
    const { seconds } = this.size;
    const at = Math.ceil(row.at / seconds) * seconds;
    if (at <= this.closedUntil) return undefined;
    const before = this.#open !== undefined && this.#open.at < at ? this.#close() : undefined;
    this.#open ??= { at, channels: new Map() };
    for (const [channel, span] of row.channels) {
      const sum = this.#open.channels.get(channel) ?? emptySpan();
      addSpan(sum, span);
      this.#open.channels.set(channel, sum);
    }
    return row.at < at ? before : this.#close();
  }

  /** Forgets what is later than `now`: the clock was set back. Answers whether there was any. */
  forgetAfter(now: number): boolean {
    const latest = Math.ceil(now / this.size.seconds) * this.size.seconds;
    const kept = this.#rows.filter(({ at }) => at <= latest);
    const isChanged = kept.length < this.#rows.length;
    this.#rows = kept;
    if ((this.#open?.at ?? 0) > latest) this.#open = undefined;
    return isChanged;
  }

  #close(): Row | undefined {
    const row = this.#open;
    this.#open = undefined;
    if (row === undefined) return undefined;
    this.#rows.push(row);
    if (this.#rows.length > this.size.rowsMax) this.#rows.shift();
    return row;
  }
}
