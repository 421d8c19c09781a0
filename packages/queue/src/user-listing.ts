import { compileMask, DsyncdError, hasWildcard, type UserName, type UserStatus } from '@dsyncd/core';
import type { ChannelQueue } from './model/channel-queue.ts';
import type { UserTable } from './model/user-table.ts';
import type { UserPage, UserQuery } from './port.ts';

/** Work over all users is cut into pieces of so many ids, so that the loop is never held up. */
export const idsPerTurn = 10_000;
/** A page reads no more users than this, so that a rare match costs no request much time. */
const idsPerPage = 200_000;

export interface UserListing {
  readonly channel: ChannelQueue;
  readonly users: UserTable;
  /** Lets others have their turn. Rejects when the queue is closed meanwhile. */
  readonly nextTurn: () => Promise<void>;
}

/** How each user of a mask stands. */
export async function* eachUser(
  { channel, users, nextTurn }: UserListing,
  mask: string,
): AsyncGenerator<UserStatus> {
  if (!hasWildcard(mask)) {
    const status = channel.userStatus(users.idOf(mask) ?? -1);
    if (status !== undefined) yield status;
    return;
  }
  const isWanted = compileMask(mask);
  for (let start = 0; start < users.idBound; start += idsPerTurn) {
    if (start > 0) await nextTurn();
    const end = Math.min(start + idsPerTurn, users.idBound);
    for (let user = start; user < end; user++) {
      if (!channel.knows(user) || !isWanted(users.nameOf(user) ?? '')) continue;
      const status = channel.userStatus(user);
      if (status !== undefined) yield status;
    }
  }
}

/** Everyone whom the channel knows, by name alone. */
export async function* eachName({ channel, users, nextTurn }: UserListing): AsyncGenerator<UserName> {
  for (let start = 0; start < users.idBound; start += idsPerTurn) {
    if (start > 0) await nextTurn();
    const end = Math.min(start + idsPerTurn, users.idBound);
    for (let user = start; user < end; user++) {
      const name = channel.knows(user) ? users.nameOf(user) : undefined;
      if (name !== undefined) yield name;
    }
  }
}

/** A page of them; its cursor is the id where the next one begins. */
export async function pageOfUsers(
  { channel, users: table, nextTurn }: UserListing,
  { mask, only, cursor, limit }: UserQuery,
): Promise<UserPage> {
  const first = readCursor(cursor);
  const users: UserStatus[] = [];
  const single = hasWildcard(mask) ? undefined : (table.idOf(mask) ?? -1);
  const start = Math.max(first, single ?? 0);
  const bound = single === undefined ? table.idBound : single + 1;
  const end = Math.min(bound, start + idsPerPage);
  const isWanted = compileMask(mask);
  for (let user = start; user < end; user++) {
    if (user > start && user % idsPerTurn === 0) await nextTurn();
    if (!channel.fits(user, only) || !isWanted(table.nameOf(user) ?? '')) continue;
    if (users.length >= limit) return { users, next: String(user) };
    const status = channel.userStatus(user);
    if (status !== undefined) users.push(status);
  }
  return { users, next: end < bound ? String(end) : undefined };
}

/** The cursor of a page: the id of its first user. @throws {DsyncdError} `DSYNCD_QUEUE_CURSOR` */
export function readCursor(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (/^\d{1,10}$/.test(cursor)) return Number(cursor);
  throw new DsyncdError('DSYNCD_QUEUE_CURSOR', 'invalid cursor', {
    outcome: 'operator',
    hint: 'take `next` of the page before, or start without a cursor',
  });
}
