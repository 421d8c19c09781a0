import { isFleet } from '../model/answers.ts';
import { route } from '../state/address.ts';
import { type Connection, connection, connectionProblem, fleet, status } from '../state/live.ts';
import { dismiss, notices, tokenRequest } from '../state/operations.ts';

const texts: Readonly<Record<Connection, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  polling: 'Every 2 s',
  lost: 'Not connected',
  refused: 'Token needed',
};

export function Header() {
  const { page } = route.value;
  const state = connection.value;
  return (
    <header class="top">
      <a class="brand" href="#/">
        <img src="./icon.svg" alt="" width="26" height="26" />
        <span>dsyncd</span>
      </a>
      <span class="host">{status.value?.hostname}</span>
      <nav aria-label="Pages">
        <a href="#/" {...current(page === 'overview')}>
          Overview
        </a>
        <a href="#/users" {...current(page === 'users' || page === 'user')}>
          Users
        </a>
        {isFleet(fleet.value) && (
          <a href="#/fleet" {...current(page === 'fleet')}>
            Fleet
          </a>
        )}
      </nav>
      <span class={`connection is-${state}`}>
        <span class="hidden">Connection: </span>
        {texts[state]}
      </span>
      <button
        type="button"
        class="quiet"
        onClick={() => {
          tokenRequest.value = { reason: '', retry: () => {} };
        }}
      >
        Token
      </button>
    </header>
  );
}

const current = (isCurrent: boolean): { 'aria-current'?: 'page' } =>
  isCurrent ? { 'aria-current': 'page' } : {};

/** Both regions are there from the start, else a screen reader does not read what comes into them. */
export function Notices() {
  return (
    <section class="notices" aria-label="Messages">
      <div role="status">{listOf('good')}</div>
      <div role="alert">{listOf('bad')}</div>
    </section>
  );
}

const listOf = (kind: 'good' | 'bad') =>
  notices.value
    .filter((notice) => notice.kind === kind)
    .map(({ id, text, hint }) => (
      <div key={id} class={`notice is-${kind}`}>
        <div>
          <p>{text}</p>
          {hint !== undefined && <p class="hint">{hint}</p>}
        </div>
        <button type="button" class="quiet" aria-label={`Dismiss: ${text}`} onClick={() => dismiss(id)}>
          ✕
        </button>
      </div>
    ));

/** Why the page has nothing to show, or shows what was. */
export function ConnectionProblem() {
  const problem = connectionProblem.value;
  if (problem === undefined) return null;
  const isRefused = connection.value === 'refused';
  return (
    <section class="banner is-bad" role="alert" aria-label="Connection">
      <p class="sentence">{isRefused ? 'dsyncd wants a token before it shows anything.' : problem.message}</p>
      <p>
        {isRefused
          ? 'It is in the file that read_token_file or operate_token_file in [listeners.http] names.'
          : problem.hint}
      </p>
      {isRefused && (
        <button
          type="button"
          onClick={() => {
            tokenRequest.value = { reason: problem.message, retry: () => {} };
          }}
        >
          Enter the token
        </button>
      )}
    </section>
  );
}
