import type { Consumer } from '../model/answers.ts';
import { consumerText } from '../model/consumers.ts';
import { now } from '../state/clock.ts';
import { Ago, DataTable } from './pieces.tsx';

/** Programs that are given who changed; nothing where there are none. */
export function ConsumerSection({ consumers }: { readonly consumers: readonly Consumer[] }) {
  if (consumers.length === 0) return null;
  return (
    <section class="card" aria-labelledby="consumers">
      <div class="head">
        <h2 id="consumers">Consumers of the change feed</h2>
      </div>
      <DataTable
        caption="Consumers of the change feed: what they do not have yet, and why"
        keyOf={({ name }) => name}
        rows={consumers}
        columns={columns}
      />
    </section>
  );
}

const textOf = (consumer: Consumer) => consumerText(consumer, now.value);

const columns = [
  { title: 'Consumer', isHead: true, cell: ({ name }: Consumer) => <bdi>{name}</bdi> },
  {
    title: 'State',
    cell: (consumer: Consumer) => {
      const { level, state } = textOf(consumer);
      return <span class={`pill is-${level}`}>{state}</span>;
    },
  },
  {
    title: 'Does not have',
    cell: (consumer: Consumer) => <span class="nowrap">{textOf(consumer).backlog}</span>,
  },
  { title: 'Last success', cell: ({ lastSuccessAt }: Consumer) => <Ago at={lastSuccessAt} /> },
  {
    title: 'Next',
    cell: (consumer: Consumer) => {
      const { next } = textOf(consumer);
      // An empty cell is left out on a narrow screen.
      return next === '' ? null : <span class="nowrap">{next}</span>;
    },
  },
  {
    title: 'Failure',
    cell: ({ code, reason, hint, failuresInRow }: Consumer) =>
      code === undefined ? (
        '–'
      ) : (
        <>
          <span class="reason">
            {reason} ({failuresInRow} in a row)
          </span>
          {hint !== undefined && <span class="hint">{hint}</span>}
          <code>{code}</code>
        </>
      ),
  },
];
