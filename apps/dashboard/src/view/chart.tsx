import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { type Columns, seriesText } from '../model/series.ts';

export interface Line {
  readonly title: string;
  /** Name of a colour in the style. */
  readonly color: 'good' | 'busy' | 'late' | 'bad' | 'other';
}

export interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly columns: Columns;
  readonly show: (value: number) => string;
  /** There are no halves of it. */
  readonly isWhole?: boolean;
  /** How long the time axis is; missing: as long as there are values. */
  readonly seconds?: number | undefined;
}

const heightPixels = 140;
/** The least that the time axis shows, in seconds: a young chart must not race. */
const spanSecondsMin = 120;
const wholeSteps = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 8 }, (_, power) => step * 10 ** power))
  .sort((one, other) => one - other);
const dark = matchMedia('(prefers-color-scheme: dark)');

/** Lines over time; the legend says the same in words, and the values at the pointer. */
export function Chart({ title, lines, columns, show, isWhole = false, seconds }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const pointed = useSignal<number | undefined>(undefined);
  const columnsNow = useRef(columns);
  columnsNow.current = columns;

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const draw = (): void => {
      plot.current?.destroy();
      const point = (index: number | undefined): void => {
        pointed.value = index;
      };
      plot.current = new uPlot(
        optionsOf(element, { lines, show, isWhole, seconds, point }),
        columnsNow.current as unknown as uPlot.AlignedData,
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
  }, [lines, show, isWhole, seconds, pointed]);
  useEffect(() => {
    plot.current?.setData(columnsNow.current as unknown as uPlot.AlignedData);
  }, [columns]);

  const [times, ...values] = columns;
  const at = pointed.value === undefined ? undefined : times[pointed.value];
  const textOf = (index: number): string => {
    const column = values[index] ?? [];
    if (at === undefined) return seriesText(column, show);
    const value = column[pointed.value ?? 0];
    return value === null || value === undefined ? 'no data' : show(value);
  };
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        {at !== undefined && <span class="muted"> at {pointText(at)}</span>}
        <ul class="legend">
          {lines.map((line, index) => (
            <li key={line.title}>
              <span class={`swatch is-${line.color}`} aria-hidden="true" /> {line.title}: {textOf(index)}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

interface PlotParts extends Required<Pick<ChartProps, 'lines' | 'show' | 'isWhole'>> {
  readonly seconds: number | undefined;
  /** The value that the pointer is on; undefined: it is elsewhere. */
  readonly point: (index: number | undefined) => void;
}

function optionsOf(element: HTMLElement, { lines, show, isWhole, seconds, point }: PlotParts): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: color('muted'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  const span = (min: number, max: number): [number, number] =>
    seconds === undefined
      ? [Math.min(min, max - spanSecondsMin), max]
      : [Date.now() / 1000 - seconds, Math.max(max, Date.now() / 1000)];
  return {
    width: element.clientWidth,
    height: heightPixels,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    hooks: { setCursor: [({ cursor }) => point(cursor.idx ?? undefined)] },
    scales: {
      x: { time: true, range: (_plot, min, max) => span(min, max) },
      y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, size: 30, space: 70, values: (_plot, splits) => axisTimes(splits) },
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
          // Drawn where they are far apart: one value alone has no line.
          points: { size: 4 },
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
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const clockText = (unixSeconds: number): string => clockFormat.format(unixSeconds * 1000).replace(/:00$/, '');
const pointText = (unixSeconds: number): string =>
  `${dayFormat.format(unixSeconds * 1000)}, ${clockText(unixSeconds)}`;

/** Of marks that are a day or more apart, the day is shown; else the time, and the day where it is midnight. */
function axisTimes(marks: readonly number[]): string[] {
  const isDays = (marks[1] ?? 0) - (marks[0] ?? 0) >= 80_000;
  return marks.map((mark) => {
    const time = clockText(mark);
    return isDays || time === '00:00' ? dayFormat.format(mark * 1000) : time;
  });
}
