import { open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { systemCode } from '@dsyncd/core';
import { delayStepMax, type Gauges, gauges, type Span, type Sums, sums } from './span.ts';
import type { Row } from './tiers.ts';

/** No line is longer for a channel: 14 numbers and 54 steps. */
export const channelBytesMax = 1_200;
/** A file with more than that is not ours, or damaged. */
const fileBytesMax = 64_000_000;

export interface ReadRows {
  /** The oldest first. */
  readonly rows: readonly Row[];
  /** Lines that are none of ours; the file is to be written anew. */
  readonly badLines: number;
}

/** What the file has; nothing when there is none. Rejects when it cannot be read. */
export async function readRows(file: string): Promise<ReadRows> {
  const size = await stat(file).then(
    (found) => found.size,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (size === undefined) return { rows: [], badLines: 0 };
  if (size > fileBytesMax) return { rows: [], badLines: 1 };
  const handle = await open(file, 'r');
  try {
    const lines = (await handle.readFile('utf8')).split('\n');
    // A line that was cut off has no end.
    const cut = lines.pop() === '' ? 0 : 1;
    const rows: Row[] = [];
    for (const line of lines) {
      const row = rowOf(line);
      if (row !== undefined && row.at > (rows.at(-1)?.at ?? 0)) rows.push(row);
    }
    return { rows, badLines: cut + lines.length - rows.length };
  } finally {
    await handle.close();
  }
}

/** Whole, or not at all. */
export async function replaceRows(file: string, rows: readonly Row[]): Promise<void> {
  const temporary = `${file}.new`;
  await rm(temporary, { recursive: true, force: true });
  await writeFile(temporary, rows.map(lineOf).join(''), { mode: 0o640 });
  await rename(temporary, file);
}

/** `[at, {"channel": [gauges or null, sums, [step, count, step, count, ...]]}]`; floats have three digits. */
export function lineOf({ at, channels }: Row): string {
  const parts = [...channels].map(([channel, span]) => [
    channel,
    [
      span.gauges === undefined ? null : gauges.map((name) => rounded(span.gauges?.[name] ?? 0)),
      sums.map((name) => rounded(span.sums[name])),
      [...span.delays].flat(),
    ],
  ]);
  return `${JSON.stringify([at, Object.fromEntries(parts)])}\n`;
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Undefined for text that is no row. */
export function rowOf(line: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!Array.isArray(value) || value.length !== 2) return undefined;
    const [at, channels] = value as [unknown, unknown];
    if (!isCount(at) || typeof channels !== 'object' || channels === null) return undefined;
    const spans = new Map<string, Span>();
    for (const [channel, part] of Object.entries(channels)) {
      const span = spanOf(part);
      if (span === undefined) return undefined;
      spans.set(channel, span);
    }
    return { at, channels: spans };
  } catch {
    return undefined;
  }
}

function spanOf(part: unknown): Span | undefined {
  if (!Array.isArray(part) || part.length !== 3) return undefined;
  const [most, added, steps] = part as [unknown, unknown, unknown];
  if (most !== null && !isCounts(most, gauges.length)) return undefined;
  if (!isCounts(added, sums.length)) return undefined;
  if (!Array.isArray(steps) || !isCounts(steps, steps.length) || steps.length % 2 !== 0) return undefined;
  const delays = new Map<number, number>();
  for (let index = 0; index < steps.length; index += 2) {
    const [step = 0, count = 0] = [steps[index], steps[index + 1]];
    if (step > delayStepMax || !Number.isInteger(step)) return undefined;
    delays.set(step, count);
  }
  return {
    gauges: most === null ? undefined : (recordOf(gauges, most) as Gauges),
    sums: recordOf(sums, added) as Sums,
    delays,
  };
}

const recordOf = (names: readonly string[], values: readonly number[]): Record<string, number> =>
  Object.fromEntries(names.map((name, index) => [name, values[index] ?? 0]));

const isCount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;

const isCounts = (value: unknown, length: number): value is number[] =>
  Array.isArray(value) && value.length === length && value.every(isCount);
