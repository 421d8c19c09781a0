import { isFleet } from '../model/fleet.ts';
import { type Connection, connection, fleet, status } from '../state/live.ts';
import { route } from '../state/navigation.ts';
import { tokenRequest } from '../state/operations.ts';

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
