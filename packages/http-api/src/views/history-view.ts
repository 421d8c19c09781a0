import type { Static } from 'typebox';
import * as Type from 'typebox';
import type { History } from '../history/history.ts';
import { addChannel, addSpan, emptySpan, quantile, type Span, sums } from '../history/span.ts';

export const historySecondsMax = 30 * 86_400;

const column = (description: string) => Type.Array(Type.Union([Type.Number(), Type.Null()]), { description });

export const historySchema = Type.Object(
  {
    resolutionSeconds: Type.Integer({ description: 'How long each span is.' }),
    times: Type.Array(Type.Integer(), {
      description:
        'When each span ends, in Unix seconds, the oldest first; the last one may not be over. Where nothing was recorded, there is none. The other columns have one value for each.',
    }),
    behind: column('Users with a change that is not replicated yet; here and below the most in the span.'),
    sync: column('Users who wait with priority sync.'),
    high: column('Users who wait with priority high.'),
    low: column('Users who wait with priority low.'),
    failed: column('Users who wait for the next try after a failure.'),
    held: column('Users who are held until a person acts.'),
    running: column('Syncs at once.'),
    lagSeconds: column('How long the oldest change waited.'),
    synced: column('Successful syncs of this dsyncd in the span.'),
    failures: column('Failed syncs in the span.'),
    conflicts: column('Changes on both sides at once that were merged in the span.'),
    verified: column('Full syncs that found everything equal.'),
    repaired: column('Full syncs that found a difference that nobody had notified, and repaired it.'),
    mails: column('Mails copied, both ways.'),
    bytes: column('Bytes moved, both ways.'),
    delayP50: column(
      'Seconds from a change to the end of the sync that brought it over: half of the syncs took no longer. Exact to a fifth.',
    ),
    delayP95: column('The same for 95 of 100 syncs.'),
    total: Type.Object(
      {
        synced: Type.Integer(),
        failures: Type.Integer(),
        conflicts: Type.Integer(),
        verified: Type.Integer(),
        repaired: Type.Integer(),
        delayP50: Type.Optional(Type.Number()),
        delayP95: Type.Optional(Type.Number()),
      },
      { additionalProperties: false, description: 'Of all spans together.' },
    ),
  },
  { additionalProperties: false, title: 'History' },
);
export type HistoryView = Static<typeof historySchema>;

const gaugeColumns = ['behind', 'sync', 'high', 'low', 'failed', 'held', 'running', 'lagSeconds'] as const;
const sumColumns = sums;

export interface HistoryQuery {
  /** How far back. */
  readonly seconds: number;
  /** Missing: all channels together. */
  readonly channel: string | undefined;
  /** Unix milliseconds. */
  readonly now: number;
}

export function historyView(history: History, { seconds, channel, now }: HistoryQuery): HistoryView {
  const { size, rows } = history.tierOf(seconds);
  const since = now / 1000 - seconds;
  const shown = rows.flatMap(({ at, channels }) => {
    if (at <= since) return [];
    const span = emptySpan();
    for (const [name, each] of channels)
      if (channel === undefined || channel === name) addChannel(span, each);
    return [{ at, span }];
  });
  const all = emptySpan();
  for (const { span } of shown) addSpan(all, { ...span, gauges: undefined });
  const columnOf = (pick: (span: Span) => number | undefined): (number | null)[] =>
    shown.map(({ span }) => pick(span) ?? null);
  const columns = {
    ...Object.fromEntries(gaugeColumns.map((name) => [name, columnOf(({ gauges }) => gauges?.[name])])),
    ...Object.fromEntries(sumColumns.map((name) => [name, columnOf(({ sums }) => sums[name])])),
    delayP50: columnOf(({ delays }) => digits(quantile(delays, 0.5))),
    delayP95: columnOf(({ delays }) => digits(quantile(delays, 0.95))),
  } as Omit<HistoryView, 'resolutionSeconds' | 'times' | 'total'>;
  const [delayP50, delayP95] = [digits(quantile(all.delays, 0.5)), digits(quantile(all.delays, 0.95))];
  const { synced, failures, conflicts, verified, repaired } = all.sums;
  return {
    resolutionSeconds: size.seconds,
    times: shown.map(({ at }) => at),
    ...columns,
    total: {
      synced,
      failures,
      conflicts,
      verified,
      repaired,
      ...(delayP50 === undefined ? {} : { delayP50 }),
      ...(delayP95 === undefined ? {} : { delayP95 }),
    },
  };
}

/** Two digits are what there is to know. */
const digits = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : Number(seconds.toPrecision(2));
