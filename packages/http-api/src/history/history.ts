import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '@dsyncd/core';
import { lineOf, readRows, replaceRows } from './history-file.ts';
import { addSpan, delayStep, emptySpan, type Gauges, type Span } from './span.ts';
import { type Row, Tier, tierSizes } from './tiers.ts';

export interface HistoryOptions {
  /** Where it is kept; missing: in memory only. */
  readonly folder: string | undefined;
  /** The channels as they are now. May reject. */
  readonly read: () => Promise<ReadonlyMap<string, Gauges>>;
  /** Called when what was kept has been read, and after each sample. They never reject. */
  readonly onLoaded?: () => Promise<void>;
  readonly onSample?: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A sync that has ended, as far as the history counts it. */
export interface CountedSync {
  readonly channel: string;
  /** Undefined: neither a success nor a failure. */
  readonly isFailure: boolean | undefined;
  /** From the oldest change that it covered to its end; undefined: nobody had asked. */
  readonly delaySeconds: number | undefined;
  readonly conflicts: number;
  /** Of a full sync: it found nothing, or a difference that nobody had notified. */
  readonly verification: 'equal' | 'repaired' | undefined;
  readonly mails: number;
  readonly bytes: number;
}

/** A file gets so many times the lines that are kept before it is written anew. */
const fileSlack = 1.25;

/**
 * What the channels did in the last 30 days, over restarts. Each tier has a file in the folder, which gets a line for
 * each span; a kill costs what was counted since the last ten seconds. Whatever is wrong with the files, the history
 * goes on in memory, and dsyncd is not disturbed.
 */
export class History {
  readonly #options: HistoryOptions;
  #tiers: readonly Tier[] = tierSizes.map((size) => new Tier(size, []));
  readonly #lines = new Map<string, number>();
  /** Since the last sample. */
  #pending = new Map<string, Span>();
  #isBroken = false;
  #isStopped = false;
  #cancelTimer: (() => void) | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Reads what there is in the background, and begins to take samples. */
  start(): void {
    this.#work = this.load().then(this.#options.onLoaded);
    this.#plan();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#work;
    await this.sample();
  }

  syncEnded({ channel, isFailure, delaySeconds, conflicts, verification, mails, bytes }: CountedSync): void {
    const span = this.#pending.get(channel) ?? emptySpan();
    this.#pending.set(channel, span);
    span.sums.conflicts += conflicts;
    span.sums.mails += mails;
    span.sums.bytes += bytes;
    if (verification !== undefined) span.sums[verification === 'equal' ? 'verified' : 'repaired']++;
    if (isFailure === undefined) return;
    span.sums[isFailure ? 'failures' : 'synced']++;
    if (isFailure || delaySeconds === undefined) return;
    const step = delayStep(delaySeconds);
    span.delays.set(step, (span.delays.get(step) ?? 0) + 1);
  }

  /** The finest tier that reaches so far back. */
  tierOf(seconds: number): Tier {
    const fits = this.#tiers.find(({ size }) => size.seconds * size.rowsMax >= seconds);
    const tier = fits ?? this.#tiers.at(-1);
    if (tier === undefined) throw new Error('there are no tiers');
    return tier;
  }

  /** Takes one sample now: the channels as they are, and what has been counted. Never rejects. */
  async sample(): Promise<void> {
    const pending = this.#pending;
    this.#pending = new Map();
    const { read, clock, logger } = this.#options;
    try {
      for (const [channel, gauges] of await read())
        pending.set(channel, { ...(pending.get(channel) ?? emptySpan()), gauges });
    } catch (error) {
      logger.debug({ error }, 'history without the state of the queue');
    }
    const [first] = this.#tiers;
    const step = first?.size.seconds ?? 1;
    const now = clock.now() / 1000;
    const at = Math.round(now / step) * step;
    for (const tier of this.#tiers) if (tier.forgetAfter(now + step)) await this.#rewrite(tier);
    // Two samples for one span: the second one counts in the next.
    if (at <= (first?.closedUntil ?? 0)) this.#keep(pending);
    else await this.#add({ at, channels: pending });
  }

  #keep(pending: ReadonlyMap<string, Span>): void {
    for (const [channel, span] of pending) {
      const sum = this.#pending.get(channel) ?? emptySpan();
      addSpan(sum, span);
      this.#pending.set(channel, sum);
    }
  }

  async #add(row: Row): Promise<void> {
    for (const tier of this.#tiers) {
      const closed = tier.add(row);
      if (closed !== undefined) await this.#append(tier, closed);
    }
  }

  #plan(): void {
    const { clock, onSample } = this.#options;
    const stepMs = (tierSizes[0]?.seconds ?? 1) * 1000;
    this.#cancelTimer = clock.after(stepMs - (clock.now() % stepMs), () => {
      this.#work = this.#work.then(() => this.sample()).then(onSample);
      void this.#work.then(() => {
        if (!this.#isStopped) this.#plan();
      });
    });
  }

  /** Reads what was kept. Never rejects. */
  async load(): Promise<void> {
    const { folder } = this.#options;
    if (folder === undefined) return;
    await this.#guarded(async () => void (await mkdir(folder, { recursive: true, mode: 0o750 })));
    const tiers: Tier[] = [];
    for (const size of tierSizes) {
      let read: Awaited<ReturnType<typeof readRows>> = { rows: [], badLines: 0 };
      await this.#guarded(async () => {
        read = await readRows(this.#fileOf(size.name));
      });
      const tier = new Tier(size, read.rows);
      tiers.push(tier);
      this.#lines.set(size.name, read.rows.length);
      if (read.badLines === 0) continue;
      this.#options.logger.warn(
        { folder, file: size.name, badLines: read.badLines },
        'history damaged: what cannot be read is left out of the charts; nothing else depends on it',
      );
      await this.#rewrite(tier);
    }
    this.#tiers = tiers;
    await this.#fillOpenSpans(tiers);
  }

  /** Spans that were not over yet, from shorter ones that were. */
  async #fillOpenSpans([first, ...longer]: readonly Tier[]): Promise<void> {
    let finer = first;
    for (const tier of longer) {
      const { closedUntil } = tier;
      const between = finer?.closedRows ?? [];
      const last = (first?.closedRows ?? []).filter(({ at }) => at > (finer?.closedUntil ?? 0));
      for (const row of [...between, ...last]) {
        const closed = row.at > closedUntil ? tier.add(row) : undefined;
        if (closed !== undefined) await this.#append(tier, closed);
      }
      finer = tier;
    }
  }

  async #append(tier: Tier, row: Row): Promise<void> {
    const { name, rowsMax } = tier.size;
    const lines = (this.#lines.get(name) ?? 0) + 1;
    if (lines > rowsMax * fileSlack) {
      await this.#rewrite(tier);
      return;
    }
    const isDone = await this.#guarded(() => appendFile(this.#fileOf(name), lineOf(row), { mode: 0o640 }));
    // Half a line may be there: next time the file is written anew.
    this.#lines.set(name, isDone ? lines : Number.POSITIVE_INFINITY);
  }

  async #rewrite(tier: Tier): Promise<void> {
    const { name } = tier.size;
    const isDone = await this.#guarded(() => replaceRows(this.#fileOf(name), tier.closedRows));
    this.#lines.set(name, isDone ? tier.closedRows.length : Number.POSITIVE_INFINITY);
  }

  #fileOf(name: string): string {
    return join(this.#options.folder ?? '', `${name}.jsonl`);
  }

  /** Reported when it begins and when it is over, not with every line. */
  async #guarded(task: () => Promise<void>): Promise<boolean> {
    const { folder, logger } = this.#options;
    if (folder === undefined) return true;
    try {
      await task();
      if (this.#isBroken) logger.info({ folder }, 'history is kept again');
      this.#isBroken = false;
      return true;
    } catch (error) {
      if (!this.#isBroken)
        logger.warn({ error, folder }, 'history is not kept: the charts begin anew with the next start');
      this.#isBroken = true;
      return false;
    }
  }
}
