import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, call } from '../api/client.ts';
import { type UserFilter, userFilters } from '../model/address.ts';
import type { User, UserList } from '../model/answers.ts';
import { userStates } from '../model/states.ts';
import { replaceRoute, token } from '../state/address.ts';
import { repeat } from '../state/live.ts';
import { ReasonCell, RetryButton } from './overview.tsx';
import { Ago, DataTable, Pill, Since, StatePill, UserLink } from './pieces.tsx';

const perPage = 50;
const everyMs = 3_000;
const typingMs = 250;
const filterTexts: Readonly<Record<UserFilter, string>> = {
  all: 'All',
  behind: 'Behind',
  failed: 'Failed or held',
  quarantined: 'Held',
  paused: 'Paused',
};

interface UsersPageProps {
  readonly search: string;
  readonly filter: UserFilter;
}

/** What an address answered. Until the present one has, the rows of the one before stay on the page. */
interface Answered {
  readonly address: string;
  readonly list: UserList;
}

export function UsersPage({ search, filter }: UsersPageProps) {
  const answered = useSignal<Answered | undefined>(undefined);
  const problem = useSignal('');
  /** Of the pages before, and of this one; none: the first. */
  const cursors = useSignal<readonly string[]>([]);
  const cursor = cursors.value.at(-1);
  const query = `${search}\n${filter}`;
  const pagedQuery = useSignal(query);
  if (pagedQuery.value !== query) {
    pagedQuery.value = query;
    cursors.value = [];
  }
  const address = addressOf(search, filter, cursor);
  useEffect(() => {
    const over = new AbortController();
    const timer = setTimeout(() => {
      void repeat(over.signal, everyMs, async () => {
        try {
          const list = await call<UserList>(address, { signal: over.signal });
          if (over.signal.aborted) return;
          answered.value = { address, list };
          problem.value = '';
        } catch (error) {
          if (over.signal.aborted || !(error instanceof ApiError)) return;
          problem.value = error.message;
        }
      });
    }, typingMs);
    return () => {
      clearTimeout(timer);
      over.abort();
    };
  }, [address, token.value, answered, problem]);
  const rows = answered.value?.list.users ?? [];
  const list = answered.value?.address === address ? answered.value.list : undefined;
  const next = list?.next;
  return (
    <section class="card" aria-labelledby="users">
      <h1 id="users">Users</h1>
      <search>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <div>
            <label for="search">Name contains, or a mask with * and ?</label>
            <input
              id="search"
              type="search"
              autocomplete="off"
              spellcheck={false}
              maxLength={255}
              value={search}
              onInput={(event) => replaceRoute({ page: 'users', search: event.currentTarget.value, filter })}
            />
          </div>
          <div>
            <label for="filter">Show</label>
            <select
              id="filter"
              value={filter}
              onChange={(event) =>
                replaceRoute({
                  page: 'users',
                  search,
                  filter: userFilters.find((each) => each === event.currentTarget.value) ?? 'all',
                })
              }
            >
              {userFilters.map((each) => (
                <option key={each} value={each}>
                  {filterTexts[each]}
                </option>
              ))}
            </select>
          </div>
        </form>
      </search>
      <p role="status" class="muted">
        {problem.value || countText(list, cursors.value.length)}
      </p>
      {rows.length > 0 && (
        <DataTable
          caption="Users, one row a user and channel"
          keyOf={({ user, channel }) => `${channel} ${user}`}
          rows={rows}
          columns={columns}
        />
      )}
      <StatesHelp />
      <nav class="pager" aria-label="Pages of users">
        <button
          type="button"
          disabled={cursors.value.length === 0}
          onClick={() => {
            cursors.value = cursors.value.slice(0, -1);
          }}
        >
          Previous page
        </button>
        <button
          type="button"
          disabled={next === undefined}
          onClick={() => {
            if (next !== undefined) cursors.value = [...cursors.value, next];
          }}
        >
          Next page
        </button>
      </nav>
    </section>
  );
}

/** What the states mean, and what to do. */
const StatesHelp = () => (
  <details>
    <summary>What the states mean</summary>
    <dl class="states">
      {Object.entries(userStates).map(([name, state]) => (
        <div key={name}>
          <dt>
            <Pill state={state} />
          </dt>
          <dd>
            {state.meaning} <span class="muted">{state.next}</span>
          </dd>
        </div>
      ))}
    </dl>
  </details>
);

const columns = [
  { title: 'User', isHead: true, cell: ({ user }: User) => <UserLink user={user} /> },
  { title: 'Channel', cell: ({ channel }: User) => channel },
  { title: 'State', cell: StatePill },
  { title: 'Behind for', cell: ({ requestedAt }: User) => <Since at={requestedAt} /> },
  { title: 'Last success', cell: ({ lastSuccessAt }: User) => <Ago at={lastSuccessAt} /> },
  { title: 'Reason', cell: ReasonCell },
  {
    title: 'Action',
    hasHiddenTitle: true,
    cell: (user: User) => (user.failed || user.quarantined ? <RetryButton user={user} /> : null),
  },
];

function addressOf(search: string, filter: UserFilter, cursor: string | undefined): string {
  const parameters = new URLSearchParams({ limit: String(perPage) });
  if (search !== '') parameters.set('search', search);
  if (filter !== 'all') parameters.set('filter', filter);
  if (cursor !== undefined) parameters.set('cursor', cursor);
  return `/v1/users?${parameters.toString()}`;
}

function countText(list: UserList | undefined, pagesBefore: number): string {
  if (list === undefined) return 'Looking ...';
  const { users, next } = list;
  const page = pagesBefore > 0 || next !== undefined ? `Page ${pagesBefore + 1}: ` : '';
  if (users.length > 0) return `${page}${users.length} shown.`;
  return next === undefined ? `${page}nobody found.` : `${page}nobody found so far; the next page goes on.`;
}
