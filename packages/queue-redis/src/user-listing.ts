import type { UserStatus } from '@dsyncd/core';
import type { UserPage, UserQuery } from '@dsyncd/queue';
import { fits, type PageStart, readCursor, writeCursor } from './overview.ts';

/** A page looks at no more pieces than this, so that a rare match costs no request much time. */
const scansPerPage = 40;

/** One piece of the users of a channel; `next` is "0" after the last one. */
export interface Piece {
  readonly statuses: readonly UserStatus[];
  readonly next: string;
}

/** Reads the piece that begins there. */
export type Scan = (start: PageStart) => Promise<Piece>;

/** How each user stands; a scan of Redis may come to one twice. */
export async function* eachUser(scan: Scan): AsyncGenerator<UserStatus> {
  const seen = new Set<string>();
  for (let start: PageStart | undefined = { scan: '0', skip: 0 }; start !== undefined; ) {
    const { statuses, next } = await scan(start);
    for (const status of statuses) {
      if (seen.has(status.user)) continue;
      seen.add(status.user);
      yield status;
    }
    start = next === '0' ? undefined : { scan: next, skip: 0 };
  }
}

/** A page of those that fit; its cursor says in which piece the next one begins, and after how many. */
export async function pageOfUsers(
  read: Scan,
  { only, cursor, limit }: Pick<UserQuery, 'only' | 'cursor' | 'limit'>,
): Promise<UserPage> {
  const users: UserStatus[] = [];
  let { scan, skip } = readCursor(cursor);
  for (let round = 0; round < scansPerPage; round++) {
    const { statuses, next } = await read({ scan, skip });
    const wanted = statuses.filter((status) => fits(status, only));
    const room = limit - users.length;
    users.push(...wanted.slice(0, room));
    const first = wanted[room];
    if (first !== undefined)
      return { users, next: writeCursor({ scan, skip: skip + statuses.indexOf(first) }) };
    if (next === '0') return { users, next: undefined };
    scan = next;
    skip = 0;
  }
  return { users, next: writeCursor({ scan, skip }) };
}
