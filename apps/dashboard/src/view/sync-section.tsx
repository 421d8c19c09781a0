import { durationText } from '../model/ages.ts';
import type { EndedSync, RunningSync } from '../model/answers.ts';
import { outcomeKind, outcomeText, workText } from '../model/timeline.ts';
import { latestSyncs, workers } from '../state/live.ts';
import { Ago, DataTable, UserLink } from './pieces.tsx';

/** Syncs that run, and those that have just ended. */
export function SyncSection() {
  const running = workers.value?.running ?? [];
  const latest = latestSyncs.value;
  return (
    <>
      <section class="card" aria-labelledby="running">
        <div class="head">
          <h2 id="running">Syncing now</h2>
          <span class="muted">
            {running.length} of {workers.value?.max ?? 0} at once
          </span>
        </div>
        {running.length === 0 ? (
          <p class="muted">No sync runs.</p>
        ) : (
          <DataTable
            caption="Syncs that run now"
            keyOf={(sync) => `${sync.channel} ${sync.user}`}
            rows={running}
            columns={runningColumns}
          />
        )}
      </section>
      <section class="card" aria-labelledby="latest">
        <div class="head">
          <h2 id="latest">Latest syncs</h2>
        </div>
        {latest.length === 0 ? (
          <p class="muted">None since this page was opened.</p>
        ) : (
          <DataTable
            caption="Syncs that ended since this page was opened, latest first"
            keyOf={(sync) => `${sync.endedAt} ${sync.channel} ${sync.user}`}
            rows={latest}
            columns={latestColumns}
          />
        )}
      </section>
    </>
  );
}

const runningColumns = [
  { title: 'User', isHead: true, cell: ({ user }: RunningSync) => <UserLink user={user} /> },
  { title: 'Channel', cell: ({ channel }: RunningSync) => channel },
  { title: 'Sync', cell: ({ type, priority }: RunningSync) => `${type}, ${priority}` },
  { title: 'For', cell: ({ seconds }: RunningSync) => durationText(seconds) },
  {
    title: 'So far',
    cell: ({ mails, bytes = 0, mailboxesDone, mailboxesTotal }: RunningSync) =>
      [
        ...(mailboxesTotal === undefined ? [] : [`${mailboxesDone} of ${mailboxesTotal} mailboxes`]),
        ...(mails === undefined ? [] : [`${mails} mails, ${(bytes / 1e6).toFixed(1)} MB`]),
      ].join(', '),
  },
];

const latestColumns = [
  { title: 'User', isHead: true, cell: ({ user }: EndedSync) => <UserLink user={user} /> },
  { title: 'When', cell: ({ endedAt }: EndedSync) => <Ago at={endedAt} /> },
  {
    title: 'Outcome',
    cell: ({ outcome }: EndedSync) => (
      <span class={`pill is-${outcomeKind(outcome)}`}>{outcomeText(outcome)}</span>
    ),
  },
  {
    title: 'What',
    cell: (sync: EndedSync) => (sync.failure === undefined ? workText(sync) : sync.failure.reason),
  },
];
