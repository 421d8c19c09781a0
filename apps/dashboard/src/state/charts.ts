import { effect, signal, untracked } from '@preact/signals';
import { call } from '../api/client.ts';
import type { History, HostTimeline } from '../model/answers.ts';
import { parseRange, type Range, rangeSeconds } from '../model/ranges.ts';
import { token } from './address.ts';
import { repeat } from './live.ts';

const key = 'dsyncd-range';

/** How far back the charts reach; it outlives a reload. */
export const range = signal<Range>(parseRange(sessionStorage.getItem(key)));

/** What dsyncd has recorded for that range; undefined until it has answered. */
export const recorded = signal<History | undefined>(undefined);

/** What happened on this host, the latest first. */
export const happened = signal<HostTimeline['events']>([]);

export function chooseRange(next: Range): void {
  recorded.value = undefined;
  range.value = next;
  try {
    sessionStorage.setItem(key, next);
  } catch {
    // No room: a reload begins with the usual one.
  }
}

const timelineEveryMs = 10_000;

/** Asks as often as there can be something new to see. */
const everyMsOf = (seconds: number): number => Math.max(10_000, Math.min(300_000, (seconds / 360) * 1000));

export function startCharts(): void {
  let following: AbortController | undefined;
  let reading: AbortController | undefined;
  effect(() => {
    void token.value;
    reading?.abort();
    reading = new AbortController();
    const { signal: over } = reading;
    untracked(
      () =>
        void repeat(over, timelineEveryMs, async () => {
          happened.value = (await call<HostTimeline>('/v1/timeline', { signal: over })).events;
        }),
    );
  });
  effect(() => {
    void token.value;
    const seconds = rangeSeconds[range.value];
    following?.abort();
    following = new AbortController();
    const { signal: over } = following;
    if (seconds !== undefined) untracked(() => void follow(seconds, over));
  });
}

const follow = (seconds: number, over: AbortSignal): Promise<void> =>
  repeat(over, everyMsOf(seconds), async () => {
    const answer = await call<History>(`/v1/history?seconds=${seconds}`, { signal: over });
    if (!over.aborted) recorded.value = answer;
  });
