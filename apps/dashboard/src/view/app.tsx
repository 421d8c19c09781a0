import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { route } from '../state/address.ts';
import { connectionProblem, status } from '../state/live.ts';
import { FleetPage } from './fleet-page.tsx';
import { ConnectionProblem, Header, Notices } from './header.tsx';
import { Overview } from './overview.tsx';
import { TokenDialog } from './token-dialog.tsx';
import { UserPage } from './user-page.tsx';
import { UsersPage } from './users-page.tsx';

export function App() {
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const { page } = route.value;
  const subject = route.value.page === 'user' ? route.value.user : '';
  useEffect(() => {
    // A link followed by keyboard or screen reader moves the focus to its target; not at the first paint.
    if (isFirst.current) isFirst.current = false;
    else if (`${page}${subject}` !== '') main.current?.focus();
  }, [page, subject]);
  useSignalEffect(() => {
    document.title = titleOf(
      status.value?.hostname,
      status.value?.usersBehind,
      connectionProblem.value !== undefined,
    );
  });
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Header />
      <main id="main" tabIndex={-1} ref={main}>
        <ConnectionProblem />
        <Page />
      </main>
      <footer>
        {status.value !== undefined && `dsyncd ${status.value.version} · `}
        <a href="/docs">API</a> · <a href="/metrics">Metrics</a>
      </footer>
      <Notices />
      <TokenDialog />
    </>
  );
}

function Page() {
  const { value } = route;
  switch (value.page) {
    case 'overview':
      return <Overview />;
    case 'fleet':
      return <FleetPage />;
    case 'users':
      return <UsersPage search={value.search} filter={value.filter} />;
    case 'user':
      return <UserPage key={value.user} user={value.user} />;
  }
}

function titleOf(hostname: string | undefined, behind: number | undefined, isLost: boolean): string {
  if (hostname === undefined) return 'dsyncd';
  if (isLost) return `? ${hostname} - dsyncd`;
  return `${behind === 0 ? '✓' : `${behind} behind`} ${hostname} - dsyncd`;
}
