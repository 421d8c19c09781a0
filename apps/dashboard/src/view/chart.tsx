import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { durationText } from '../model/ages.ts';
import { columnsOf, type Sample, sampleEveryMs, seriesText } from '../model/series.ts';
import { samples } from '../state/history.ts';

export interface Line {
  readonly title: string;
  /** Name of a colour in the style. */
  readonly color: 'good' | 'busy' | 'late' | 'bad';
  readonly pick: (sample: Sample) => number;
}

export interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly samples: readonly Sample[];
  readonly show: (value: number) => string;
  /** There are no halves of it. */
  readonly isWhole?: boolean;
}

const heightPixels = 140;
/** The least that the time axis shows, in seconds: a young chart must not race. */
const spanSecondsMin = 120;
const wholeSteps = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 8 }, (_, power) => step * 10 ** power))
  .sort((one, other) => one - other);
const dark = matchMedia('(prefers-color-scheme: dark)');

/** Lines over time; the legend says the same in words. */
export function Chart({ title, lines, samples, show, isWhole = false }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = columnsOf(
    samples,
    lines.map(({ pick }) => pick),
  );
  const dataNow = useRef(data);
  dataNow.current = data;

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(
        optionsOf(element, { lines, show, isWhole }),
        dataNow.current as uPlot.AlignedData,
        element,
      );
    };
    draw();
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: heightPixels });
    });
    observer.observe(element);
    dark.addEventListener('change', draw);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', draw);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [lines, show, isWhole]);
  useEffect(() => {
    plot.current?.setData(dataNow.current as uPlot.AlignedData);
  }, [samples]);

  const texts = lines.map((line) => ({ ...line, text: seriesText(samples.map(line.pick), show) }));
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <ul class="legend">
          {texts.map((line) => (
            <li key={line.title}>
              <span class={`swatch is-${line.color}`} aria-hidden="true" /> {line.title}: {line.text}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

function optionsOf(
  element: HTMLElement,
  { lines, show, isWhole }: Required<Pick<ChartProps, 'lines' | 'show' | 'isWhole'>>,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: color('muted'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width: element.clientWidth,
    height: heightPixels,
    legend: { show: false },
    cursor: { y: false },
    scales: {
      x: { time: true, range: (_plot, min, max) => [Math.min(min, max - spanSecondsMin), max] },
      y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] },
    },
    axes: [
      { ...axis, size: 30, space: 70, values: (_plot, splits) => splits.map(clockText) },
      {
        ...axis,
        size: 56,
        ...(isWhole ? { incrs: wholeSteps } : {}),
        space: 34,
        values: (_plot, splits) => splits.map((value) => axisText(value, show)),
      },
    ],
    series: [
      {},
      ...lines.map(
        (line): uPlot.Series => ({
          label: line.title,
          stroke: color(line.color),
          fill: `${color(line.color)}1f`,
          width: 2,
          points: { show: false },
        }),
      ),
    ],
  };
}

const axisText = (value: number, show: (value: number) => string): string =>
  value === 0 ? '0' : Number.isInteger(value) || value < 1 ? show(value) : '';

const clockFormat = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const clockText = (unixSeconds: number): string => clockFormat.format(unixSeconds * 1000).replace(/:00$/, '');

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
