import { useMemo } from 'preact/hooks';
import { durationText } from '../model/ages.ts';
import type { History } from '../model/answers.ts';
import { historyColumns, rangeSeconds, ranges, rangeTexts, totalText } from '../model/ranges.ts';
import { columnsOf, type Sample, sampleEveryMs, withGaps } from '../model/series.ts';
import { chooseRange, range, recorded } from '../state/charts.ts';
import { samples } from '../state/history.ts';
import { Chart, type Line } from './chart.tsx';

/** Queues, syncs and delays over time: what dsyncd has recorded, or what this page sees. */
export function ChartSection() {
  return (
    <section class="card" aria-labelledby="charts">
      <div class="head">
        <h2 id="charts">Over time</h2>
        <label class="inline" for="range">
          Show
        </label>
        <select
          id="range"
          value={range.value}
          onChange={(event) =>
            chooseRange(ranges.find((each) => each === event.currentTarget.value) ?? 'hour')
          }
        >
          {ranges.map((each) => (
            <option key={each} value={each}>
              {rangeTexts[each]}
            </option>
          ))}
        </select>
      </div>
      {range.value === 'live' ? <LiveCharts /> : <RecordedCharts />}
    </section>
  );
}

const whole = (value: number): string => String(Math.round(value));
const perSecond = (value: number): string => `${Number(value.toFixed(1))}/s`;
const perMinute = (value: number): string => `${Number(value.toPrecision(2))}/min`;

const rateLines: readonly Line[] = [
  { title: 'succeeded', color: 'good' },
  { title: 'failed', color: 'bad' },
];
const behindLines: readonly Line[] = [
  { title: 'behind', color: 'late' },
  { title: 'syncing', color: 'busy' },
];
const queueLines: readonly Line[] = [
  { title: 'sync', color: 'other' },
  { title: 'high', color: 'busy' },
  { title: 'low', color: 'good' },
  { title: 'after a failure', color: 'late' },
  { title: 'held', color: 'bad' },
];
const delayLines: readonly Line[] = [
  { title: 'half within', color: 'good' },
  { title: '95 of 100 within', color: 'busy' },
  { title: 'oldest that waits', color: 'late' },
];

function RecordedCharts() {
  const history = recorded.value;
  if (history === undefined) return <p class="muted">Looking ...</p>;
  return (
    <>
      <p class="muted">{totalText(history)}</p>
      <HistoryCharts history={history} seconds={rangeSeconds[range.value] ?? 3600} />
    </>
  );
}

function HistoryCharts({ history, seconds }: { readonly history: History; readonly seconds: number }) {
  const columns = useMemo(
    () => ({
      rates: historyColumns(history, ['synced', 'failures'], seconds, () => 60 / history.resolutionSeconds),
      behind: historyColumns(history, ['behind', 'running'], seconds),
      queues: historyColumns(history, ['sync', 'high', 'low', 'failed', 'held'], seconds),
      delays: historyColumns(history, ['delayP50', 'delayP95', 'lagSeconds'], seconds),
    }),
    [history, seconds],
  );
  return (
    <div class="charts">
      <Chart
        title="Syncs a minute"
        lines={rateLines}
        columns={columns.rates}
        show={perMinute}
        seconds={seconds}
      />
      <Chart
        title="From change to replica"
        lines={delayLines}
        columns={columns.delays}
        show={durationText}
        seconds={seconds}
      />
      <Chart
        title="Users behind"
        lines={behindLines}
        columns={columns.behind}
        show={whole}
        isWhole
        seconds={seconds}
      />
      <Chart
        title="Users who wait, by queue"
        lines={queueLines}
        columns={columns.queues}
        show={whole}
        isWhole
        seconds={seconds}
      />
    </div>
  );
}

const liveQueueLines: readonly Line[] = [
  { title: 'behind', color: 'late' },
  { title: 'failed or held', color: 'bad' },
  { title: 'syncing', color: 'busy' },
];
const liveLagLines: readonly Line[] = [
  { title: 'oldest change waits', color: 'late' },
  { title: 'slowest that got there', color: 'good' },
];
const liveSyncLines: readonly Line[] = [{ title: 'ended', color: 'busy' }];

/** What this tab has seen, an hour at most. */
function LiveCharts() {
  const all = samples.value;
  const columns = useMemo(() => {
    const pick = (...picks: readonly ((sample: Sample) => number)[]) => withGaps(columnsOf(all, picks));
    return {
      queue: pick(
        ({ behind }) => behind,
        ({ failed }) => failed,
        ({ running }) => running,
      ),
      lag: pick(
        ({ lagSeconds }) => lagSeconds,
        ({ slowestSeconds }) => slowestSeconds,
      ),
      syncs: pick(({ ended }) => (ended * 1000) / sampleEveryMs),
    };
  }, [all]);
  return (
    <>
      <p class="muted">The last hour, as long as this tab was open.</p>
      <div class="charts">
        <Chart title="Users in queue" lines={liveQueueLines} columns={columns.queue} show={whole} isWhole />
        <Chart title="Lag" lines={liveLagLines} columns={columns.lag} show={durationText} />
        <Chart title="Syncs" lines={liveSyncLines} columns={columns.syncs} show={perSecond} />
      </div>
    </>
  );
}
