import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, systemCode } from '@dsyncd/core';
import type { Condition } from './conditions.ts';

const kinds = ['started', 'stopped', 'begins', 'ends'] as const;
const levels = ['good', 'late', 'bad'] as const;

/** One thing that happened on this host. */
export interface TimelineEvent {
  /** Unix milliseconds. */
  readonly at: number;
  /** Of dsyncd itself, or of a condition. */
  readonly kind: (typeof kinds)[number];
  readonly level: (typeof levels)[number];
  /** The key of the condition; empty for dsyncd itself. */
  readonly key: string;
  readonly text: string;
}

export interface TimelineOptions {
  /** Where it is kept; missing: in memory only. */
  readonly folder: string | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export const eventsMax = 500;
/** A file with twice the events is written anew. */
const linesMax = 2 * eventsMax;
const textCharsMax = 400;
/** So many looks in a row must agree before something begins or ends, or a peer that comes and goes would fill the page. */
const looksMin = 2;

/**
 * What happened on this host: starts, and the beginning and the end of what was not as it should be. Over restarts, the
 * last 500 events, 300 kB at most. Never rejects: without its file it goes on in memory.
 */
export class Timeline {
  readonly #options: TimelineOptions;
  #events: TimelineEvent[] = [];
  #lines = 0;
  /** Conditions that have begun. */
  readonly #open = new Map<string, TimelineEvent>();
  /** How many looks in a row said otherwise than what is open. */
  #contrary = new Map<string, number>();
  #isBroken = false;

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  /** The latest first. */
  get events(): readonly TimelineEvent[] {
    return this.#events.toReversed();
  }

  /** Reads what was kept, and notes that dsyncd was started. */
  async start(): Promise<void> {
    const bad = await this.#read();
    if (bad > 0) await this.#rewrite();
    for (const event of this.#events)
      if (event.kind === 'begins') this.#open.set(event.key, event);
      else if (event.kind === 'ends') this.#open.delete(event.key);
    const last = this.#events.findLast(({ key }) => key === '');
    const wasKilled = last !== undefined && last.kind !== 'stopped';
    await this.#add({
      kind: 'started',
      level: wasKilled ? 'late' : 'good',
      key: '',
      text: `dsyncd ${this.#options.version} was started${wasKilled ? '; it had not been stopped in order' : ''}.`,
    });
  }

  async stop(): Promise<void> {
    await this.#add({ kind: 'stopped', level: 'late', key: '', text: 'dsyncd was stopped.' });
  }

  /** Compares what is so now with what was. */
  async look(conditions: readonly Condition[]): Promise<void> {
    const present = new Map(conditions.map((condition) => [condition.key, condition]));
    const contrary = new Map<string, number>();
    for (const key of new Set([...present.keys(), ...this.#open.keys()])) {
      const [condition, open] = [present.get(key), this.#open.get(key)];
      if ((condition === undefined) === (open === undefined)) continue;
      const looks = (this.#contrary.get(key) ?? 0) + 1;
      if (looks < looksMin) contrary.set(key, looks);
      else if (condition !== undefined)
        this.#open.set(key, await this.#add({ kind: 'begins', ...condition }));
      else if (open !== undefined) {
        this.#open.delete(key);
        await this.#add({ kind: 'ends', level: 'good', key, text: open.text });
      }
    }
    this.#contrary = contrary;
  }

  async #add(part: Omit<TimelineEvent, 'at'>): Promise<TimelineEvent> {
    const event = {
      at: Math.round(this.#options.clock.now()),
      ...part,
      text: part.text.slice(0, textCharsMax),
    };
    this.#events.push(event);
    if (this.#events.length > eventsMax) this.#events.shift();
    if (this.#lines >= linesMax) await this.#rewrite();
    else {
      const isDone = await this.#guarded((file) => appendFile(file, lineOf(event), { mode: 0o640 }));
      // Half a line may be there: next time the file is written anew.
      this.#lines = isDone ? this.#lines + 1 : linesMax;
    }
    return event;
  }

  /** @returns lines that are no events */
  async #read(): Promise<number> {
    let bad = 0;
    await this.#guarded(async (file) => {
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return '';
        throw error;
      });
      const lines = text.split('\n');
      if (lines.pop() !== '') bad++;
      const events = lines.flatMap((line) => eventOf(line) ?? []);
      bad += lines.length - events.length;
      this.#lines = lines.length;
      this.#events = events.slice(-eventsMax);
    });
    return bad;
  }

  async #rewrite(): Promise<void> {
    const isDone = await this.#guarded(async (file) => {
      await writeFile(`${file}.new`, this.#events.map(lineOf).join(''), { mode: 0o640 });
      await rename(`${file}.new`, file);
    });
    this.#lines = isDone ? this.#events.length : linesMax;
  }

  async #guarded(task: (file: string) => Promise<void>): Promise<boolean> {
    const { folder, logger } = this.#options;
    if (folder === undefined) return true;
    try {
      await task(join(folder, 'events.jsonl'));
      this.#isBroken = false;
      return true;
    } catch (error) {
      if (!this.#isBroken) logger.warn({ error, folder }, 'the timeline is not kept');
      this.#isBroken = true;
      return false;
    }
  }
}

const lineOf = (event: TimelineEvent): string => `${JSON.stringify(event)}\n`;

function eventOf(line: string): TimelineEvent | undefined {
  try {
    const value = JSON.parse(line) as Partial<Record<keyof TimelineEvent, unknown>> | null;
    const { at, kind, level, key, text } = value ?? {};
    const [knownKind, knownLevel] = [
      kinds.find((each) => each === kind),
      levels.find((each) => each === level),
    ];
    if (knownKind === undefined || knownLevel === undefined || typeof at !== 'number') return undefined;
    if (typeof key !== 'string' || typeof text !== 'string' || !(Math.abs(at) < 8.64e15)) return undefined;
    return { at, kind: knownKind, level: knownLevel, key, text: text.slice(0, textCharsMax) };
  } catch {
    return undefined;
  }
}
