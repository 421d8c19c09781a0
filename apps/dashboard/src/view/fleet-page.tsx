import { counted } from '../model/ages.ts';
import type { Backend, FleetChannel, Replicator } from '../model/answers.ts';
import {
  channelStateOf,
  channelStates,
  replicatorStateOf,
  replicatorStates,
  type StateText,
  userStates,
} from '../model/states.ts';
import { fleet } from '../state/live.ts';
import { Ago, ChannelPill, DataTable, Pill, Since } from './pieces.tsx';

/** Every backend on the Redis: who serves it, and what waits in its queues. */
export function FleetPage() {
  const backends = fleet.value?.backends ?? [];
  return (
    <>
      <div class="head">
        <h1>{counted(backends.length, 'backend')} on this Redis</h1>
        <a href="/queues/">BullMQ queues of this backend</a>
      </div>
      {backends.map((backend) => (
        <BackendSection key={backend.backend} backend={backend} />
      ))}
    </>
  );
}

function BackendSection({ backend }: { readonly backend: Backend }) {
  const { backend: name, replicators, channels } = backend;
  return (
    <section class="card" aria-labelledby={`backend-${name}`}>
      <div class="head">
        <h2 id={`backend-${name}`}>
          <bdi>{name}</bdi>
        </h2>
        <Pill state={backendState(backend)} />
      </div>
      {replicators.length === 0 ? (
        <p>
          {replicatorStates.none.meaning} The last replicator was heard of <Ago at={backend.seenAt} />.
          <span class="hint">{replicatorStates.none.next}</span>
        </p>
      ) : (
        <DataTable
          caption={`Replicators of ${name}`}
          isCaptionShown
          keyOf={({ hostname, pid, startedAt }) => `${hostname} ${pid} ${startedAt}`}
          rows={replicators}
          columns={replicatorColumns}
        />
      )}
      <DataTable
        caption={`Channels of ${name}`}
        isCaptionShown
        keyOf={({ channel }) => channel}
        rows={channels}
        columns={channelColumns}
      />
    </section>
  );
}

/** Of the backend as a whole: is all its mail on the replica? */
function backendState({ replicators, channels, usersBehind }: Backend): StateText {
  if (!replicators.some(({ alive }) => alive)) return replicatorStates.none;
  if (channels.length > 0 && channels.every(({ replicated }) => replicated))
    return { ...userStates.replicated, meaning: 'All mail of this backend is on the replica.' };
  const hampered = channels.map(channelStateOf).find((state) => state !== 'closed');
  if (hampered !== undefined) return channelStates[hampered];
  const short = usersBehind > 0 ? `${usersBehind} behind` : 'not all proven';
  return {
    short,
    level: 'busy',
    meaning: 'Not all mail of this backend is known to be on the replica.',
    next: 'See its channels below.',
  };
}

const replicatorColumns = [
  { title: 'Replicator', isHead: true, cell: ({ hostname }: Replicator) => <bdi>{hostname}</bdi> },
  { title: 'Process', cell: ({ pid }: Replicator) => pid },
  { title: 'Up for', cell: ({ startedAt }: Replicator) => <Since at={startedAt} /> },
  { title: 'Last sign of life', cell: ({ seenAt }: Replicator) => <Ago at={seenAt} /> },
  { title: 'Syncing now', cell: ({ running }: Replicator) => running },
  {
    title: 'State',
    cell: (replicator: Replicator) => {
      const state = replicatorStates[replicatorStateOf(replicator)];
      return (
        <>
          <Pill state={state} />
          {state.level !== 'good' && <span class="hint">{state.next}</span>}
        </>
      );
    },
  },
];

const channelColumns = [
  { title: 'Channel', isHead: true, cell: ({ channel }: FleetChannel) => <bdi>{channel}</bdi> },
  { title: 'Users', cell: ({ users }: FleetChannel) => users },
  { title: 'Behind', cell: ({ usersBehind }: FleetChannel) => usersBehind },
  { title: 'Oldest change', cell: ({ oldestRequestAt }: FleetChannel) => <Since at={oldestRequestAt} /> },
  {
    title: 'Sync / high / low',
    cell: ({ queued }: FleetChannel) => `${queued.sync} / ${queued.high} / ${queued.low}`,
  },
  { title: 'Failed', cell: ({ queued }: FleetChannel) => queued.failed },
  { title: 'Held', cell: ({ queued }: FleetChannel) => queued.quarantined },
  { title: 'State', cell: (channel: FleetChannel) => <ChannelPill {...channel} /> },
];
