import type { User } from '../model/api-types.ts';
import { byOldestChange } from '../model/sorting.ts';
import { heldUsers, usersShownMax } from '../state/live.ts';
import { retry, retryAll } from '../state/operations.ts';
import { DataTable } from './data-table.tsx';
import { Ago, Since, UserLink } from './pieces.tsx';

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
