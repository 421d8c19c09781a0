import { batch, computed, effect, signal, untracked } from '@preact/signals';
import { ApiError, call } from '../api/client.ts';
import { readEvents, type ServerEvent } from '../api/event-stream.ts';
import {
  type Channel,
  type EndedSync,
  type Fleet,
  type Status,
  type User,
  type UserList,
  type Workers,
  withChannel,
} from '../model/answers.ts';
import { token } from './address.ts';

/** `refused`: dsyncd wants a token, or another one. */
export type Connection = 'connecting' | 'live' | 'polling' | 'lost' | 'refused';

export const connection = signal<Connection>('connecting');
/** Why there is nothing to show, or nothing new. */
export const connectionProblem = signal<ApiError | undefined>(undefined);
export const status = signal<Status | undefined>(undefined);
/** All backends on the Redis of the queue, or this one alone. */
export const fleet = signal<Fleet | undefined>(undefined);
export const workers = signal<Workers | undefined>(undefined);
/** Latest first. */
export const latestSyncs = signal<readonly EndedSync[]>([]);
const answeredBehind = signal<readonly User[]>([]);
const answeredHeld = signal<readonly User[]>([]);
/** Some of those who are behind, and of those who are held; nobody as soon as the status says so. */
export const behindUsers = computed(() => (behindCount() === 0 ? [] : answeredBehind.value));
export const heldUsers = computed(() => (heldCount() === 0 ? [] : answeredHeld.value));
/** Syncs that ended since somebody last took them. */
let endedSyncs: EndedSync[] = [];

export const usersShownMax = 100;
const latestSyncsMax = 10;
const endedSyncsMax = 5_000;
const statusEveryMs = 2_000;
const workersEveryMs = 1_000;
const usersEveryMs = 3_000;
const fleetEveryMs = 5_000;
const reconnectMs = 2_000;

const sleepers = new Set<() => void>();

/** Asks for everything again at once. */
export function refresh(): void {
  for (const wake of sleepers) wake();
}

export function takeEndedSyncs(): readonly EndedSync[] {
  const taken = endedSyncs;
  endedSyncs = [];
  return taken;
}

/** Follows dsyncd for as long as the page is open; begins anew with each new token. */
export function startLive(): void {
  let following: AbortController | undefined;
  effect(() => {
    void token.value;
    following?.abort();
    following = new AbortController();
    const { signal: over } = following;
    // What these read is no reason to begin anew.
    untracked(() => follow(over));
  });
}

function follow(over: AbortSignal): void {
  void repeat(over, statusEveryMs, () => readStatus(over));
  void repeat(over, workersEveryMs, async () => {
    workers.value = await call<Workers>('/v1/workers', { signal: over });
  });
  void repeat(over, usersEveryMs, () => readUsers(over));
  void repeat(over, fleetEveryMs, async () => {
    fleet.value = await call<Fleet>('/v1/fleet', { signal: over });
  });
  void followEvents(over);
}

/** Runs the task again and again. One that takes long is run more seldom: it may cost the server as much. */
export async function repeat(over: AbortSignal, everyMs: number, task: () => Promise<void>): Promise<void> {
  while (!over.aborted) {
    const startedAt = performance.now();
    try {
      await task();
    } catch (error) {
      // The status shows what matters of it.
      if (!(error instanceof ApiError)) throw error;
    }
    await pauseFor(Math.max(everyMs, 10 * (performance.now() - startedAt)));
  }
}

const pauseFor = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      sleepers.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    sleepers.add(wake);
  });

async function readStatus(over: AbortSignal): Promise<void> {
  try {
    const answer = await call<Status>('/v1/status', { signal: over });
    batch(() => {
      status.value = answer;
      connectionProblem.value = undefined;
      if (connection.value !== 'live') connection.value = 'polling';
    });
  } catch (error) {
    if (over.aborted || !(error instanceof ApiError)) return;
    connectionProblem.value = error;
    connection.value = error.needsToken ? 'refused' : 'lost';
  }
}

async function readUsers(over: AbortSignal): Promise<void> {
  if (heldCount() > 0) answeredHeld.value = await usersOf('quarantined', over);
  if (behindCount() > 0) answeredBehind.value = await usersOf('behind', over);
}

const heldCount = (): number => countOf(({ queued }) => queued.quarantined);
const behindCount = (): number => countOf(({ usersBehind, queued }) => usersBehind + queued.failed);
const countOf = (one: (channel: Channel) => number): number =>
  (status.value?.channels ?? []).reduce((sum, channel) => sum + one(channel), 0);

async function usersOf(filter: 'behind' | 'quarantined', over: AbortSignal): Promise<readonly User[]> {
  const { users } = await call<UserList>(`/v1/users?filter=${filter}&limit=${usersShownMax}`, {
    signal: over,
  });
  return users;
}

async function followEvents(over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    try {
      await readEvents(over, { onOpen: () => {}, onEvents: takeEvents });
    } catch {
      // The status says whether dsyncd can be reached; without events it is asked for.
    }
    if (over.aborted) return;
    if (connection.value === 'live') connection.value = 'polling';
    await pauseFor(reconnectMs);
  }
}

function takeEvents(events: readonly ServerEvent[]): void {
  batch(() => {
    connection.value = 'live';
    for (const { type, data } of events) {
      if (type === 'channel' && status.value !== undefined)
        status.value = withChannel(status.value, JSON.parse(data) as Channel);
      if (type === 'sync') takeSync(JSON.parse(data) as EndedSync);
    }
  });
}

function takeSync(sync: EndedSync): void {
  if (endedSyncs.length < endedSyncsMax) endedSyncs.push(sync);
  latestSyncs.value = [sync, ...latestSyncs.value.slice(0, latestSyncsMax - 1)];
}
