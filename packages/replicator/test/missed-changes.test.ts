import { parseUserName, systemRandom, type UserName } from '@dsyncd/core';
import { openMemoryQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MissedChanges } from '../src/index.ts';

const startedAt = 1_790_000_000_000;
let clock: VirtualClock;
let queue: ReturnType<typeof openMemoryQueue>;
/** When the mail of each was changed; undefined: not known. */
let changes: Record<string, number | undefined>;
let isDown: boolean;
let intervalMs: number;
let missed: MissedChanges;

beforeEach(() => {
  clock = new VirtualClock(startedAt);
  queue = openMemoryQueue({
    clock,
    random: systemRandom,
    settings: { channels: ['default'], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
  });
  [changes, isDown, intervalMs] = [{}, false, 3_600_000];
  missed = new MissedChanges({
    queue,
    channels: () => [{ name: 'default' }],
    changedSince: async (user: UserName, sinceMs: number) => {
      if (isDown) throw new Error('nobody can be asked');
      const at = changes[user];
      return at === undefined ? undefined : at >= sinceMs;
    },
    scanIntervalMs: () => intervalMs,
    clock,
  });
});

/** Has them synced, one after another, each for a second. */
async function sync(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await queue.request('default', [{ user: parseUserName(name), priority: 'high' }]);
    const claim = await queue.claim(new AbortController().signal);
    if (claim?.user !== name) throw new Error(`${claim?.user} instead of ${name}`);
    clock.advance(1_000);
    await queue.complete(claim, { outcome: 'ok', state: 's', full: true });
  }
}

async function waiting(): Promise<string> {
  const names: string[] = [];
  for await (const { user, standing } of queue.userStatus('default', '*'))
    if (standing === 'behind' || standing === 'not known') names.push(user);
  return names.sort().join();
}

describe('after a gap', () => {
  it('doubts who changed since we listened, and for whom this is not known', async () => {
    await sync('ann', 'bob', 'cyd');
    clock.advance(60_000);
    const listenedUntil = clock.now();
    Object.assign(changes, { ann: listenedUntil - 5_000, bob: listenedUntil + 5_000 });
    clock.advance(60_000);
    await missed.afterGap(listenedUntil);
    expect(await waiting()).toBe('bob,cyd');
  });

  it('takes the last sync of each where nobody knows when we listened', async () => {
    await sync('ann', 'bob');
    Object.assign(changes, { ann: startedAt - 5_000, bob: clock.now() });
    await missed.afterGap(undefined);
    expect(await waiting()).toBe('bob');
  });

  it('leaves alone who was never synced: the first sync is due anyway', async () => {
    await queue.add('default', [parseUserName('new')]);
    await missed.afterGap(startedAt);
    expect(await waiting()).toBe('');
  });

  it('rejects when nobody can be asked, so that it is done again', async () => {
    await sync('ann');
    isDown = true;
    await expect(missed.afterGap(startedAt)).rejects.toThrow('nobody can be asked');
  });

  it('asks about many more than at once', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `u${index}`);
    await sync(...names);
    for (const name of names) changes[name] = clock.now();
    await missed.afterGap(clock.now());
    expect((await waiting()).split(',')).toHaveLength(100);
  });
});

describe('the scan', () => {
  it('doubts whose mail changed after the last sync though nobody told, and no one else', async () => {
    await sync('ann', 'bob', 'cyd', 'dan');
    // What a sync itself writes is no change that nobody told of.
    Object.assign(changes, {
      ann: clock.now() + 1,
      bob: startedAt + 1_500,
      cyd: undefined,
      dan: clock.now() + 1,
    });
    clock.advance(10_000);
    await queue.request('default', [{ user: parseUserName('dan'), priority: 'high' }]);
    await missed.scan();
    expect(await waiting()).toBe('ann,dan');
  });

  it('comes again and again, also after one that failed, until it is switched off', async () => {
    await sync('ann');
    missed.start();
    isDown = true;
    clock.advance(intervalMs);
    isDown = false;
    changes.ann = clock.now();
    await vi.waitFor(async () => {
      clock.advance(intervalMs);
      expect(await waiting()).toBe('ann');
    });
    // The last step may have begun one more scan; it has no timers or files to wait for, so it ends within this turn.
    await new Promise((resolve) => setImmediate(resolve));
    await sync('ann');
    intervalMs = 0;
    changes.ann = clock.now() + 1;
    clock.advance(10 * 3_600_000);
    expect(await waiting()).toBe('');
    await missed.stop();
  });
});
