import { secondsSince } from './ages.ts';
import type { Channel, EndedSync } from './answers.ts';

export const sampleEveryMs = 2_000;
/** An hour. */
export const samplesMax = 1_800;

export interface Sample {
  /** Unix seconds. */
  readonly at: number;
  readonly behind: number;
  readonly failed: number;
  readonly running: number;
  /** How long the oldest change waits. */
  readonly lagSeconds: number;
  /** Syncs that ended since the sample before. */
  readonly ended: number;
  /** The longest of those that succeeded, from change to end. */
  readonly slowestSeconds: number;
}

/**
 * @param ended - syncs that ended since the sample before
 * @param now - Unix ms of the server's clock
 */
export function sampleOf(channels: readonly Channel[], ended: readonly EndedSync[], now: number): Sample {
  const sum = (pick: (channel: Channel) => number): number =>
    channels.reduce((total, channel) => total + pick(channel), 0);
  return {
    at: now / 1000,
    behind: sum(({ usersBehind }) => usersBehind),
    failed: sum(({ queued }) => queued.failed + queued.quarantined),
    running: sum(({ running }) => running),
    lagSeconds: Math.max(0, ...channels.map((channel) => secondsSince(channel.oldestRequestAt, now) ?? 0)),
    ended: ended.length,
    slowestSeconds: Math.max(
      0,
      ...ended.flatMap(({ outcome, lagSeconds = 0 }) => (outcome === 'ok' ? [lagSeconds] : [])),
    ),
  };
}

/** The samples with one more; the oldest goes when there are too many, one that is not later is not taken. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last !== undefined && sample.at <= last.at) return samples;
  return [...samples.slice(-(samplesMax - 1)), sample];
}

/** Seconds without a sample after which the line of a chart is broken. */
const gapSeconds = 15;

/** Times in Unix seconds, then one column of values for each line; null: not known. */
export type Columns = readonly [readonly number[], ...Column[]];
export type Column = readonly (number | null)[];

/** Columns for a chart: times, then one for each picked value. Where the page did not look, there is a gap. */
export const columnsOf = (
  samples: readonly Sample[],
  picks: readonly ((sample: Sample) => number)[],
): Columns => [samples.map(({ at }) => at), ...picks.map((pick) => samples.map(pick))];

/** The same with an empty place in each gap, so that no line is drawn over it. */
export function withGaps([times, ...columns]: Columns, secondsMax = gapSeconds): Columns {
  const places = times.flatMap((at, index) => {
    const before = times[index - 1];
    const isGap = before !== undefined && at - before > secondsMax;
    return isGap
      ? [
          { at: before + secondsMax / 2, index: undefined },
          { at, index },
        ]
      : [{ at, index }];
  });
  return [
    places.map(({ at }) => at),
    ...columns.map((column) =>
      places.map(({ index }) => (index === undefined ? null : (column[index] ?? null))),
    ),
  ];
}

/** For those who do not see the chart. */
export function seriesText(values: Column, show: (value: number) => string): string {
  const known = values.filter((value) => value !== null);
  const last = known.at(-1);
  if (last === undefined) return 'no data yet';
  return `now ${show(last)}, most ${show(Math.max(...known))}`;
}

/** What {@link parseSamples} reads. */
export const samplesText = (samples: readonly Sample[]): string =>
  JSON.stringify(samples.map((sample) => fields.map((field) => Math.round(sample[field] * 1000) / 1000)));

const fields = ['at', 'behind', 'failed', 'running', 'lagSeconds', 'ended', 'slowestSeconds'] as const;

/** Samples of an earlier visit; none when the text is not understood. */
export function parseSamples(text: string | null): readonly Sample[] {
  if (text === null) return [];
  try {
    const rows: unknown = JSON.parse(text);
    return Array.isArray(rows) ? rows.slice(-samplesMax).flatMap(sampleOfRow) : [];
  } catch {
    return [];
  }
}

function sampleOfRow(row: unknown): readonly Sample[] {
  if (!Array.isArray(row) || row.length !== fields.length || !row.every(Number.isFinite)) return [];
  const [at = 0, behind = 0, failed = 0, running = 0, lagSeconds = 0, ended = 0, slowestSeconds = 0] =
    row as number[];
  return [{ at, behind, failed, running, lagSeconds, ended, slowestSeconds }];
}
