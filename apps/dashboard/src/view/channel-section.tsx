import { relativeText } from '../model/ages.ts';
import type { Channel } from '../model/api-types.ts';
import { now } from '../state/clock.ts';
import { pause, resume } from '../state/operations.ts';
import { ChannelPill, Since } from './pieces.tsx';

export const ChannelSection = ({ channels }: { readonly channels: readonly Channel[] }) => (
  <section class="card" aria-labelledby="channels">
    <div class="head">
      <h2 id="channels">Channels</h2>
    </div>
    <ul class="tiles">
      {channels.map((channel) => (
        <ChannelTile key={channel.channel} channel={channel} />
      ))}
    </ul>
  </section>
);

function ChannelTile({ channel }: { readonly channel: Channel }) {
  const { channel: name, paused, queued, breaker } = channel;
  return (
    <li class="tile">
      <div class="head">
        <h3>
          <bdi>{name}</bdi>
        </h3>
        <ChannelPill {...channel} />
        <button
          type="button"
          aria-label={`${paused ? 'Resume' : 'Pause'} channel ${name}`}
          onClick={() => void (paused ? resume(name) : pause(name))}
        >
          {paused ? 'Resume' : 'Pause'}
        </button>
      </div>
      <p class="replica">
        to <bdi>{channel.replica}</bdi>
      </p>
      <dl class="facts">
        <Fact term="Users" value={channel.users} />
        <Fact term="Behind" value={channel.usersBehind} />
        <Fact term="Oldest change" value={<Since at={channel.oldestRequestAt} />} />
        <Fact term="Syncing now" value={channel.running} />
        <Fact term="Sync / high / low" value={`${queued.sync} / ${queued.high} / ${queued.low}`} />
        <Fact term="Waiting after a failure" value={queued.failed} />
        <Fact term="Held" value={queued.quarantined} />
        <Fact term="Paused" value={queued.paused} />
        <Fact term="Never synced" value={channel.standings['never synced']} />
        <Fact term="Not known" value={channel.standings['not known']} />
        <Fact term="Unproven" value={channel.standings.unproven} />
      </dl>
      <p class="breaker">
        <span class="muted">Breaker:</span> <BreakerText breaker={breaker} />
      </p>
    </li>
  );
}

const Fact = ({ term, value }: { readonly term: string; readonly value: preact.ComponentChildren }) => (
  <div>
    <dt>{term}</dt>
    <dd>{value}</dd>
  </div>
);

function BreakerText({ breaker }: Pick<Channel, 'breaker'>) {
  const { state, consecutiveFailures, retryAt, lastReason } = breaker;
  if (state === 'closed')
    return <>closed{consecutiveFailures > 0 && `, ${consecutiveFailures} failed in a row`}</>;
  return (
    <>
      {state}, {consecutiveFailures} failed in a row
      {retryAt !== undefined && `, next try ${relativeText(retryAt, now.value)}`}
      {lastReason !== undefined && <span class="hint">{lastReason}</span>}
    </>
  );
}
