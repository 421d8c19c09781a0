import { noCounts, parseUserName, silentLogger, systemRandom } from '@dsyncd/core';
import type { SyncEngine } from '@dsyncd/engine';
import { openMemoryQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { describe, expect, it, vi } from 'vitest';
import { type EndedSync, WorkerPool } from '../src/index.ts';
import { GrowingTimeout } from '../src/sync-timeouts.ts';

const ann = { user: parseUserName('ann'), channel: 'default' };

describe('the time that a sync may take', () => {
  it('doubles with each one that was cut off, up to a day, and is as before after one that ended', () => {
    const timeout = new GrowingTimeout();
    const seen: number[] = [];
    for (let turn = 0; turn < 10; turn++) {
      seen.push(timeout.of(ann, 600_000) / 60_000);
      timeout.ended(ann, true);
    }
    expect(seen).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
    expect(timeout.of({ ...ann, channel: 'other' }, 600_000)).toBe(600_000);
    timeout.ended(ann, false);
    expect(timeout.of(ann, 600_000)).toBe(600_000);
  });

  it('is enough in the end for a first sync that takes longer than dsync_timeout', async () => {
    const clock = new VirtualClock(1_790_000_000_000);
    const queue = openMemoryQueue({
      clock,
      random: systemRandom,
      settings: { channels: ['default'], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 60_000 },
    });
    // 25 minutes of work, all of it again after each cut.
    const engine: SyncEngine = {
      async sync({ signal }) {
        const rest = { counts: noCounts, conflicts: [], notes: [], full: true };
        try {
          await clock.sleep(25 * 60_000, signal);
          return { ...rest, outcome: 'ok', state: 's' };
        } catch {
          return { ...rest, outcome: 'transient', failure: { code: 'X', reason: String(signal.reason) } };
        }
      },
      close: async () => {},
    };
    const ended: EndedSync[] = [];
    const pool = new WorkerPool({
      queue,
      engine,
      clock,
      logger: silentLogger,
      connsMax: 1,
      attemptTimeoutMs: () => 600_000,
    });
    await queue.request('default', [{ user: ann.user, priority: 'high' }]);
    pool.start({ syncEnded: (sync) => void ended.push(sync) });
    await vi.waitFor(
      async () => {
        clock.advance(30_000);
        expect(ended.some(({ result }) => result.outcome === 'ok')).toBe(true);
      },
      { timeout: 20_000, interval: 1 },
    );
    expect(ended.map(({ result }) => result.outcome)).toEqual(['transient', 'transient', 'ok']);
    expect(ended[1]?.result.failure?.reason).toContain('no result within 1200 s');
    await pool.stop(0);
  });
});
