import { counted } from '../model/ages.ts';
import type { Backend, FleetChannel, Replicator } from '../model/answers.ts';
import { fleet } from '../state/live.ts';
import { Ago, ChannelPill, DataTable, Since } from './pieces.tsx';

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
  const { backend: name, replicators, channels, usersBehind } = backend;
  const isServed = replicators.some(({ alive }) => alive);
  return (
    <section class="card" aria-labelledby={`backend-${name}`}>
      <div class="head">
        <h2 id={`backend-${name}`}>
          <bdi>{name}</bdi>
        </h2>
        <span class={`pill is-${isServed ? (usersBehind === 0 ? 'good' : 'busy') : 'bad'}`}>
          {isServed ? (usersBehind === 0 ? 'replicated' : `${usersBehind} behind`) : 'no replicator'}
        </span>
      </div>
      {replicators.length === 0 ? (
        <p>
          Nobody serves it; the last replicator was heard of <Ago at={backend.seenAt} />.
        </p>
      ) : (
        <DataTable
          caption={`Replicators of ${name}`}
          keyOf={({ hostname, pid, startedAt }) => `${hostname} ${pid} ${startedAt}`}
          rows={replicators}
          columns={replicatorColumns}
        />
      )}
      <DataTable
        caption={`Channels of ${name}`}
        keyOf={({ channel }) => channel}
        rows={channels}
        columns={channelColumns}
      />
    </section>
  );
}

const replicatorColumns = [
  { title: 'Replicator', isHead: true, cell: ({ hostname }: Replicator) => <bdi>{hostname}</bdi> },
  { title: 'Process', cell: ({ pid }: Replicator) => pid },
  { title: 'Up for', cell: ({ startedAt }: Replicator) => <Since at={startedAt} /> },
  { title: 'Last sign of life', cell: ({ seenAt }: Replicator) => <Ago at={seenAt} /> },
  { title: 'Syncing now', cell: ({ running }: Replicator) => running },
  {
    title: 'State',
    cell: ({ alive }: Replicator) => (
      <span class={`pill is-${alive ? 'good' : 'bad'}`}>{alive ? 'alive' : 'silent'}</span>
    ),
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
