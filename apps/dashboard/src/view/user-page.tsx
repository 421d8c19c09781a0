import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, call } from '../api/client.ts';
import type { User, UserDetail } from '../model/answers.ts';
import { timelineOf } from '../model/timeline.ts';
import { whyBehind } from '../model/users.ts';
import { token } from '../state/address.ts';
import { now } from '../state/clock.ts';
import { repeat, status } from '../state/live.ts';
import { pauseUser, replicate, resumeUser } from '../state/operations.ts';
import { RetryButton } from './overview.tsx';
import { Ago, Since, StatePill } from './pieces.tsx';

const everyMs = 1_500;

/** One user: how things stand on each channel, what can be done, and what happened. */
export function UserPage({ user }: { readonly user: string }) {
  const detail = useSignal<UserDetail | undefined>(undefined);
  const problem = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    const over = new AbortController();
    void repeat(over.signal, everyMs, async () => {
      try {
        detail.value = await call<UserDetail>(`/v1/users/${encodeURIComponent(user)}`, {
          signal: over.signal,
        });
        problem.value = undefined;
      } catch (error) {
        if (over.signal.aborted || !(error instanceof ApiError)) return;
        problem.value = error;
      }
    });
    return () => over.abort();
  }, [user, token.value, detail, problem]);
  return (
    <>
      <p>
        <a href="#/users">All users</a>
      </p>
      <section class="card" aria-labelledby="user">
        <div class="head">
          <h1 id="user">
            <bdi>{user}</bdi>
          </h1>
          <button type="button" onClick={() => void replicate(user, false)}>
            Sync now
          </button>
          <button type="button" onClick={() => void replicate(user, true)}>
            Full sync
          </button>
        </div>
        {problem.value !== undefined && (
          <p role="alert" class="error">
            {problem.value.message}
          </p>
        )}
        <ul class="tiles">
          {detail.value?.channels.map((each) => (
            <UserTile key={each.channel} user={each} />
          ))}
        </ul>
      </section>
      {detail.value !== undefined && <Timeline detail={detail.value} />}
    </>
  );
}

function UserTile({ user }: { readonly user: User }) {
  const channel = status.value?.channels.find((each) => each.channel === user.channel);
  const why = user.state === 'replicated' ? undefined : whyBehind(user, channel, now.value);
  return (
    <li class="tile">
      <div class="head">
        <h2>Channel {user.channel}</h2>
        <StatePill state={user.state} />
        {(user.failed || user.quarantined) && <RetryButton user={user} />}
        <button
          type="button"
          aria-label={`${user.paused ? 'Resume' : 'Pause'} ${user.user} on ${user.channel}`}
          onClick={() => void (user.paused ? resumeUser(user) : pauseUser(user))}
        >
          {user.paused ? 'Resume' : 'Pause'}
        </button>
      </div>
      {why !== undefined && (
        <p>
          <span class="reason">{why.text}</span>
          {why.hint !== undefined && <span class="hint">{why.hint}</span>}
        </p>
      )}
      <dl class="facts">
        <div>
          <dt>Behind for</dt>
          <dd>
            <Since at={user.requestedAt} />
          </dd>
        </div>
        <div>
          <dt>Last success</dt>
          <dd>
            <Ago at={user.lastSuccessAt} />
          </dd>
        </div>
        <div>
          <dt>Last full sync</dt>
          <dd>
            <Ago at={user.lastFullSyncAt} />
          </dd>
        </div>
        <div>
          <dt>Next sync</dt>
          <dd>{user.nextSyncAt === undefined ? 'when retried' : <Ago at={user.nextSyncAt} />}</dd>
        </div>
        {user.failuresInRow > 0 && (
          <div>
            <dt>Failures in a row</dt>
            <dd>{user.failuresInRow}</dd>
          </div>
        )}
      </dl>
    </li>
  );
}

function Timeline({ detail }: { readonly detail: UserDetail }) {
  const entries = timelineOf(detail.channels, detail.history);
  return (
    <section class="card" aria-labelledby="timeline">
      <div class="head">
        <h2 id="timeline">Timeline</h2>
        <span class="muted">latest first; since dsyncd was started</span>
      </div>
      {entries.length === 0 ? (
        <p class="muted">No sync since dsyncd was started.</p>
      ) : (
        <ol class="timeline">
          {entries.map(({ at, channel, kind, title, detail: text, hint }) => (
            <li key={`${at} ${channel} ${title}`} class={`is-${kind}`}>
              <p>
                <strong>{title}</strong> <span class="muted">on {channel},</span> <Ago at={at} />
              </p>
              <p>{text}</p>
              {hint !== undefined && <p class="hint">{hint}</p>}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
