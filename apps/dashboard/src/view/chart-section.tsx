import { durationText } from '../model/ages.ts';
import { type Sample, sampleEveryMs } from '../model/series.ts';
import { samples } from '../state/history.ts';
import { Chart, type Line } from './chart.tsx';

const whole = (value: number): string => String(Math.round(value));
const perSecond = (value: number): string => `${Number(value.toFixed(1))}/s`;

const queueLines: readonly Line[] = [
  { title: 'behind', color: 'late', pick: ({ behind }) => behind },
  { title: 'failed or held', color: 'bad', pick: ({ failed }) => failed },
  { title: 'syncing', color: 'busy', pick: ({ running }) => running },
];
const lagLines: readonly Line[] = [
  { title: 'oldest change waits', color: 'late', pick: ({ lagSeconds }) => lagSeconds },
  { title: 'slowest that got there', color: 'good', pick: ({ slowestSeconds }) => slowestSeconds },
];
const syncLines: readonly Line[] = [
  { title: 'ended', color: 'busy', pick: ({ ended }: Sample) => (ended * 1000) / sampleEveryMs },
];

/** What this tab has seen, an hour at most. */
export const ChartSection = () => (
  <section class="card" aria-labelledby="charts">
    <div class="head">
      <h2 id="charts">Over time</h2>
      <span class="muted">the last hour, as long as this tab was open</span>
    </div>
    <div class="charts">
      <Chart title="Users in queue" lines={queueLines} samples={samples.value} show={whole} isWhole />
      <Chart title="Lag" lines={lagLines} samples={samples.value} show={durationText} />
      <Chart title="Syncs" lines={syncLines} samples={samples.value} show={perSecond} />
    </div>
  </section>
);
