import {
  type BreakerStatus,
  type ChannelStatus,
  compileMask,
  DsyncdError,
  fitsFilter,
  priorities,
  standingCounts,
  standingOf,
  type UserFilter,
  type UserName,
  type UserStatus,
} from '@dsyncd/core';
import { bucket, type Completion, flag, type UserPage, type UserQuery } from '@dsyncd/queue';
import { fieldAt, type RecordField } from './lua/constants.ts';

export interface RawStatus {
  readonly counts: Readonly<Record<string, string>>;
  readonly users: number;
  readonly oldest: string;
  readonly breaker: Readonly<Record<string, string>>;
  readonly paused: boolean;
}

export const parseStatus = (text: unknown): RawStatus & { readonly more: boolean } =>
  JSON.parse(String(text)) as RawStatus & { readonly more: boolean };

export function channelStatus(channel: string, raw: RawStatus): ChannelStatus {
  const count = (bucket: number | string): number => Number(raw.counts[bucket] ?? 0);
  return {
    channel,
    queuedSync: count(bucket.sync),
    queuedHigh: count(bucket.high),
    queuedLow: count(bucket.low),
    queuedFailed: count(bucket.failed),
    queuedFullResync: count(bucket.fullResync),
    quarantined: count(bucket.quarantined),
    pausedUsers: count(bucket.paused),
    running: count(bucket.running),
    users: raw.users,
    standings: standingCounts((_, index) => count(`s${index + 1}`)),
    paused: raw.paused,
    oldestRequestAt: raw.oldest === '' ? undefined : Number(raw.oldest),
    breaker: breakerStatus(raw.breaker),
  };
}

function breakerStatus({ state, failures, retryAt, reason }: RawStatus['breaker']): BreakerStatus {
  return {
    state: state === 'open' || state === 'half-open' ? state : 'closed',
    consecutiveFailures: Number(failures ?? 0),
    retryAt: state === 'open' ? Number(retryAt) : undefined,
    lastReason: reason === undefined || reason === '' ? undefined : reason,
  };
}

/** name, record, failure, does a sync run here, priority of what came since it began */
export type UserRow = readonly [string, string, string | null, number, number];

export function userStatus(
  [user, text, failure, running, laterPriority]: UserRow,
  interval: number,
): UserStatus {
  const r = JSON.parse(text) as number[];
  const at = (field: RecordField): number => r[fieldAt[field]] ?? 0;
  const instant = (field: RecordField): number | undefined => at(field) || undefined;
  const [flags, priority, requested, hold] = [at('FLAGS'), at('PRIO'), at('ASKED'), at('HOLD')];
  const isHeld = (flags & (flag.quarantined | flag.paused)) !== 0;
  const isFullSynced = (flags & flag.fullSynced) !== 0;
  const isDoubted = (flags & flag.doubted) !== 0;
  const unprovenSince = at('UNPROVEN');
  const periodic = isDoubted || unprovenSince > 0 ? 0 : at('FULLBASE') + (isFullSynced ? interval : 0);
  const dueAt = priority > 0 || hold > 0 ? hold : periodic;
  const facts = {
    failed: (flags & flag.failed) !== 0,
    quarantined: (flags & flag.quarantined) !== 0,
    paused: (flags & flag.paused) !== 0,
    quickRetriesInRow: at('QUICK_RETRIES'),
  };
  return {
    user: user as UserName,
    priority: priorities[running === 1 ? laterPriority : priority] ?? 'none',
    lastFastSyncAt: instant('FAST'),
    lastFullSyncAt: isFullSynced ? instant('FULLBASE') : undefined,
    lastSuccessAt: instant('SUCCESS'),
    ...facts,
    requestedAt: earliest(instant('ASKED'), instant('UNPROVEN')),
    standing: standingOf({
      ...facts,
      requestedAt: instant('ASKED'),
      doubted: isDoubted,
      fullSynced: isFullSynced,
      unproven: unprovenSince > 0,
    }),
    failure: failure === null ? undefined : (JSON.parse(failure) as Completion['failure']),
    failuresInRow: at('FAILS'),
    nextSyncAt: isHeld ? undefined : dueAt > 0 ? dueAt : requested > 0 ? requested : instant('FULLBASE'),
    running: running === 1,
  };
}

const earliest = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);

export function fits(status: UserStatus, only: UserFilter | undefined): boolean {
  return only === undefined || fitsFilter(status, only);
}

/** Where a page begins: a cursor of HSCAN, and how many users of what it gives are behind us. */
export interface PageStart {
  readonly scan: string;
  readonly skip: number;
}

/** @throws {DsyncdError} `DSYNCD_QUEUE_CURSOR` */
export function readCursor(cursor: string | undefined): PageStart {
  if (cursor === undefined) return { scan: '0', skip: 0 };
  const [, scan, skip] = /^(\d{1,20})-(\d{1,9})$/.exec(cursor) ?? [];
  if (scan !== undefined && skip !== undefined && BigInt(scan) < 2n ** 64n)
    return { scan, skip: Number(skip) };
  throw new DsyncdError('DSYNCD_QUEUE_CURSOR', 'invalid cursor', {
    outcome: 'operator',
    hint: 'take `next` of the page before, or start without a cursor',
  });
}

export const writeCursor = ({ scan, skip }: PageStart): string => `${scan}-${skip}`;

/** A page reads no more pieces than this, so that a rare match costs no request much time. */
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

/**
 * Names that the mask matches, each once, in pieces: a scan of Redis may give a user twice while the hash grows.
 * @param read - the piece at a cursor, and the cursor of the next; "0" begins and ends
 */
export async function* namesInPieces(
  mask: string,
  read: (cursor: string) => Promise<readonly [next: string, names: readonly string[]]>,
): AsyncGenerator<readonly string[]> {
  const isWanted = compileMask(mask);
  const seen = new Set<string>();
  for (let cursor = '0'; ; ) {
    const [next, names] = await read(cursor);
    const fresh = names.filter((name) => isWanted(name) && !seen.has(name));
    for (const name of fresh) seen.add(name);
    if (fresh.length > 0) yield fresh;
    if (next === '0') return;
    cursor = next;
  }
}
