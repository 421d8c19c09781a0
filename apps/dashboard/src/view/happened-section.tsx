import { useSignal } from '@preact/signals';
import type { HostTimeline } from '../model/answers.ts';
import { happened } from '../state/charts.ts';
import { Ago } from './pieces.tsx';

const shownMax = 8;

/** What happened on this host, over restarts. */
export function HappenedSection() {
  const isLong = useSignal(false);
  const all = happened.value;
  const shown = isLong.value ? all : all.slice(0, shownMax);
  return (
    <section class="card" aria-labelledby="happened">
      <div class="head">
        <h2 id="happened">What happened</h2>
        <span class="muted">latest first</span>
      </div>
      {all.length === 0 && <p class="muted">Nothing yet.</p>}
      <ol class="timeline" aria-labelledby="happened">
        {shown.map((event) => (
          <Happened key={`${event.at} ${event.text}`} event={event} />
        ))}
      </ol>
      {all.length > shownMax && (
        <button
          type="button"
          onClick={() => {
            isLong.value = !isLong.value;
          }}
        >
          {isLong.value ? 'Show less' : `Show all ${all.length}`}
        </button>
      )}
    </section>
  );
}

const Happened = ({
  event: { at, kind, level, text },
}: {
  readonly event: HostTimeline['events'][number];
}) => (
  <li class={`is-${level}`}>
    {kind === 'ends' && <strong>Over: </strong>}
    {text} <Ago at={at} />
  </li>
);
