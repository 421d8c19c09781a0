import { type DsyncdError, systemRandom } from '@dsyncd/core';
import type { SyncWatch } from '@dsyncd/engine';
import type { Claim } from '@dsyncd/queue';
import { openMemoryQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { describe, expect, it } from 'vitest';
import { graceMs, HangWatch } from '../src/index.ts';
import { ann } from './replicator-bench.ts';

async function start() {
  const clock = new VirtualClock(1_790_000_000_000);
  const channels = [{ name: 'hangs' }, { name: 'works' }];
  const settings = { fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 60_000 };
  const queue = openMemoryQueue({
    clock,
    random: systemRandom,
    settings: { ...settings, channels: channels.map(({ name }) => name) },
  });
  const watch = new HangWatch({ queue, channels: () => channels, clock });
  await queue.request('hangs', [{ user: ann, priority: 'high' }]);
  const claim = (await queue.claim(new AbortController().signal)) as Claim;
  let reason: DsyncdError | undefined;
  const begin = (engine: SyncWatch) => watch.begin(claim, engine, (why) => (reason = why));
  /** Whether the sync was ended after so long, with all looks done. */
  const isEndedAfter = async (ms: number): Promise<boolean> => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await new Promise(setImmediate);
    }
    const isEnded = reason !== undefined;
    return isEnded;
  };
  const wait = () => queue.request('works', [{ user: ann, priority: 'low' }]);
  return {
    clock,
    queue,
    begin,
    wait,
    isEndedAfter,
    why: () => reason?.message,
    forget: () => (reason = undefined),
  };
}

describe('a sync whose peer hangs', () => {
  it('is ended when another channel waits for the user, after a grace that doubles each time', async () => {
    const bench = await start();
    await bench.wait();
    const first = bench.begin({ connection: 'opening' });
    expect(await bench.isEndedAfter(graceMs - 500)).toBe(false);
    expect(await bench.isEndedAfter(1_000)).toBe(true);
    expect(bench.why()).toMatch(/nothing came from the peer for 10 s, and channel works waits/);
    first();
    bench.forget();
    const second = bench.begin({ connection: 'opening' });
    expect(await bench.isEndedAfter(2 * graceMs - 500)).toBe(false);
    expect(await bench.isEndedAfter(1_000)).toBe(true);
    second();
  });

  it('goes on while nobody waits, and while something moves', async () => {
    const bench = await start();
    let movedAt = bench.clock.elapsed();
    const sync = bench.begin({
      connection: {
        get quietMs() {
          return bench.clock.elapsed() - movedAt;
        },
      },
    });
    expect(await bench.isEndedAfter(5 * graceMs), 'nobody waits').toBe(false);
    movedAt = bench.clock.elapsed();
    await bench.wait();
    expect(await bench.isEndedAfter(graceMs - 1_000), 'it moved').toBe(false);
    expect(await bench.isEndedAfter(2_000)).toBe(true);
    sync();
  });

  it.each(['the channel is', 'the user is'])('is not ended where %s paused', async (who) => {
    const bench = await start();
    await bench.wait();
    if (who === 'the channel is') await bench.queue.pause('works');
    else await bench.queue.pauseUsers('works', ann);
    bench.begin({ connection: 'opening' });
    expect(await bench.isEndedAfter(5 * graceMs)).toBe(false);
  });

  it('is left alone where the engine does not know its connection', async () => {
    const bench = await start();
    await bench.wait();
    bench.begin({});
    expect(await bench.isEndedAfter(5 * graceMs)).toBe(false);
  });
});
