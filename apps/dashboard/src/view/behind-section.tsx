import { counted } from '../model/ages.ts';
import type { User } from '../model/api-types.ts';
import { byOldestChange } from '../model/sorting.ts';
import { whyBehind } from '../model/why-behind.ts';
import { now } from '../state/clock.ts';
import { behindUsers, status } from '../state/live.ts';
import { DataTable } from './data-table.tsx';
import { Since, StatePill, UserLink } from './pieces.tsx';

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
