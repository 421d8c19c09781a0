import { counted, durationText, relativeText } from '../model/ages.ts';
import type { Channel, Status, User } from '../model/answers.ts';
import { byOldestChange, whyBehind } from '../model/users.ts';
import { type Level, verdictOf } from '../model/verdict.ts';
import { now } from '../state/clock.ts';
import { behindUsers, heldUsers, status, usersShownMax } from '../state/live.ts';
import { pause, resume, retry, retryAll } from '../state/operations.ts';
import { ChartSection } from './chart-section.tsx';
import { ConsumerSection } from './consumer-section.tsx';
import { HappenedSection } from './happened-section.tsx';
import { Ago, ChannelPill, DataTable, Since, StatePill, UserLink } from './pieces.tsx';
import { SyncSection } from './sync-section.tsx';

export function Overview() {
  if (status.value === undefined) return <h1 class="hidden">Replication</h1>;
  return (
    <>
      <VerdictBanner status={status.value} />
      <HeldSection />
      <BehindSection />
      <ChannelSection channels={status.value.channels} />
      <ConsumerSection consumers={status.value.consumers} />
      <ChartSection />
      <SyncSection />
      <HappenedSection />
    </>
  );
}

const signs: Readonly<Record<Level, string>> = { good: '✓', busy: '↻', late: '!', bad: '✕' };

/** Is everything replicated? */
export function VerdictBanner({ status }: { readonly status: Status }) {
  const { level, sentence, reasons, announcement } = verdictOf(status, now.value);
  return (
    <section class={`banner is-${level}`} aria-labelledby="verdict">
      <div class="sign" aria-hidden="true">
        {signs[level]}
      </div>
      <div>
        <h1 id="verdict">{sentence}</h1>
        {reasons.length > 0 && (
          <ul>
            {reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        )}
        <p class="muted">
          {counted(status.users, 'user')} on {counted(status.channels.length, 'channel')};{' '}
          {status.workers.running} of {status.workers.max} syncs at once in use.
        </p>
      </div>
      <p class="hidden" role="status">
        {announcement}
      </p>
    </section>
  );
}

/** Users who are held until a person acts: why, and what to do. */
export function HeldSection() {
  const users = [...heldUsers.value].sort(byOldestChange);
  if (users.length === 0) return null;
  return (
    <section class="card" aria-labelledby="held">
      <div class="head">
        <h2 id="held">Held until you act</h2>
        {users.length > 1 && (
          <button type="button" onClick={() => void retryAll(users)}>
            Retry all {users.length} shown
          </button>
        )}
      </div>
      <DataTable
        caption="Held users with the reason and what to do"
        keyOf={({ user, channel }) => `${channel} ${user}`}
        rows={users}
        columns={[
          { title: 'User', isHead: true, cell: ({ user }) => <UserLink user={user} /> },
          { title: 'Channel', cell: ({ channel }) => channel },
          { title: 'Waits for', cell: ({ requestedAt }) => <Since at={requestedAt} /> },
          { title: 'Reason', cell: ReasonCell },
          { title: 'Last success', cell: ({ lastSuccessAt }) => <Ago at={lastSuccessAt} /> },
          { title: 'Action', hasHiddenTitle: true, cell: (user) => <RetryButton user={user} /> },
        ]}
      />
      {users.length === usersShownMax && (
        <p>
          <a href="#/users?filter=quarantined">All held users</a>
        </p>
      )}
    </section>
  );
}

export const ReasonCell = ({ failure }: User) =>
  failure === undefined ? (
    '–'
  ) : (
    <>
      <span class="reason">{failure.reason}</span>
      {failure.hint !== undefined && <span class="hint">{failure.hint}</span>}
      <code>{failure.code}</code>
    </>
  );

export const RetryButton = ({ user }: { readonly user: User }) => (
  <button type="button" aria-label={`Retry ${user.user} on ${user.channel}`} onClick={() => void retry(user)}>
    Retry
  </button>
);

const rowsMax = 20;

/** Who is behind, since when and why; those who are held have a table of their own. */
export function BehindSection() {
  const users = behindUsers.value.filter(({ quarantined }) => !quarantined).sort(byOldestChange);
  const total = status.value?.usersBehind ?? 0;
  if (users.length === 0) return null;
  return (
    <section class="card" aria-labelledby="behind">
      <div class="head">
        <h2 id="behind">Behind</h2>
        {total > rowsMax && <a href="#/users?filter=behind">{counted(total, 'user')} behind: all</a>}
      </div>
      <DataTable
        caption="Users who are behind, since when and why"
        keyOf={({ user, channel }) => `${channel} ${user}`}
        rows={users.slice(0, rowsMax)}
        columns={[
          { title: 'User', isHead: true, cell: ({ user }) => <UserLink user={user} /> },
          { title: 'Channel', cell: ({ channel }) => channel },
          { title: 'State', cell: StatePill },
          { title: 'Behind for', cell: ({ requestedAt }) => <Since at={requestedAt} /> },
          { title: 'Why', cell: WhyCell },
          { title: 'Next try', cell: (user) => whyOf(user).next },
        ]}
      />
    </section>
  );
}

const whyOf = (user: User) =>
  whyBehind(
    user,
    status.value?.channels.find(({ channel }) => channel === user.channel),
    now.value,
  );

function WhyCell(user: User) {
  const { text, hint } = whyOf(user);
  return (
    <>
      <span class="reason">{text}</span>
      {hint !== undefined && <span class="hint">{hint}</span>}
    </>
  );
}

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
      <FirstSyncs channel={channel} />
      <p class="breaker">
        <span class="muted">Breaker:</span> <BreakerText breaker={breaker} />
      </p>
    </li>
  );
}

/** How far the first syncs are, for as long as there are any to do. */
function FirstSyncs({ channel }: { readonly channel: Channel }) {
  const { users, standings, firstSyncsLeftSeconds: left } = channel;
  const missing = standings['never synced'];
  if (missing === 0) return null;
  const done = users - missing;
  const text = `${done} of ${counted(users, 'user')} have had their first sync`;
  return (
    <p class="first-syncs">
      <progress max={users} value={done} aria-label="First syncs" />
      <span>
        {text}
        {left === undefined ? '.' : `; the rest takes about ${durationText(left)}.`}
      </span>
    </p>
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
