import { durationText } from './ages.ts';
import type { History } from './answers.ts';
import { type Columns, withGaps } from './series.ts';

const hour = 3_600;
const day = 24 * hour;

/** How far back the charts reach. */
export const ranges = ['live', 'hour', '6h', 'day', 'week', 'month'] as const;
export type Range = (typeof ranges)[number];

export const rangeTexts: Readonly<Record<Range, string>> = {
  live: 'Live, every 2 s',
  hour: 'Last hour',
  '6h': 'Last 6 hours',
  day: 'Last day',
  week: 'Last 7 days',
  month: 'Last 30 days',
};

/** Undefined: what this page has seen itself. */
export const rangeSeconds: Readonly<Record<Range, number | undefined>> = {
  live: undefined,
  hour,
  '6h': 6 * hour,
  day,
  week: 7 * day,
  month: 30 * day,
};

export const parseRange = (text: string | null): Range => ranges.find((range) => range === text) ?? 'hour';

export type HistoryColumn = Exclude<keyof History, 'resolutionSeconds' | 'times' | 'total'>;

/**
 * @param seconds - how far back the chart reaches: it begins there, even when nothing was recorded that long ago
 * @param factorOf - what a value is multiplied with; missing: 1
 */
export function historyColumns(
  history: History,
  names: readonly HistoryColumn[],
  seconds: number,
  factorOf: (name: HistoryColumn) => number = () => 1,
): Columns {
  const columns = names.map((name) =>
    history[name].map((value) => (value === null ? null : value * factorOf(name))),
  );
  return fromStart(withGaps([history.times, ...columns], 2.5 * history.resolutionSeconds), seconds);
}

/** With an empty place where the range begins: a chart of one value alone has no time axis. */
function fromStart([times, ...columns]: Columns, seconds: number): Columns {
  const end = times.at(-1) ?? Date.now() / 1000;
  const start = end - seconds;
  if ((times[0] ?? end) <= start) return [times, ...columns];
  const rest = times.length === 0 ? [end] : times;
  const values = (column: Columns[1]): Columns[1] => [null, ...(times.length === 0 ? [null] : column)];
  return [[start, ...rest], ...columns.map(values)];
}

const digits = new Intl.NumberFormat('en-GB');

const countText = (count: number, one: string): string =>
  `${digits.format(count)} ${count === 1 ? one : `${one}s`}`;

/** What happened in the whole range, in one or two sentences. */
export function totalText({ total, times }: History): string {
  if (times.length === 0) return 'Nothing was recorded in this time yet.';
  const { synced, failures, conflicts, verified, repaired, delayP50, delayP95 } = total;
  const parts = [`${countText(synced, 'sync')} succeeded, ${digits.format(failures)} failed`];
  if (conflicts > 0) parts.push(`${countText(conflicts, 'conflict')} merged`);
  if (verified + repaired > 0)
    parts.push(
      `${countText(verified + repaired, 'full sync')} compared everything and found ${repaired === 0 ? 'nothing' : countText(repaired, 'difference')}`,
    );
  const delays =
    delayP50 === undefined || delayP95 === undefined
      ? ''
      : ` Half of the changes were replicated within ${durationText(delayP50)}, 95 of 100 within ${durationText(delayP95)}.`;
  return `${parts.join(', ')}.${delays}`;
}
