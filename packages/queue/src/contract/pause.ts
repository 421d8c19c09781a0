import { describe, expect, it } from 'vitest';
import { ContractBench, contractSettings, done, type OpenQueue } from './contract-bench.ts';

export function describePause(open: OpenQueue): void {
  describe('a paused channel', () => {
    it('claims nothing until it is resumed, and holds up no other', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'sync');
      await bench.queue.pause('default');
      await bench.queue.pause('default');
      await bench.request('bob', 'high');
      expect(await bench.claimNow()).toBeUndefined();
      expect(await bench.queue.channelStatus('default')).toMatchObject({
        paused: true,
        queuedSync: 1,
        queuedHigh: 1,
      });
      expect((await bench.queue.channelStatus('other')).paused).toBe(false);
      await bench.request('carl', 'low', { channel: 'other' });
      expect(await bench.claim()).toMatchObject({ channel: 'other', user: 'carl' });
      await bench.queue.resume('default');
      expect((await bench.queue.channelStatus('default')).paused).toBe(false);
      expect(await bench.claimUsers()).toEqual(['ann', 'bob']);
      await bench.queue.close();
    });

    it('wakes the workers that wait when it is resumed', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.pause('default');
      const claim = bench.queue.claim(new AbortController().signal);
      await bench.request('ann', 'low');
      bench.clock.advance(contractSettings.fullSyncIntervalMs);
      await bench.queue.resume('default');
      expect(await claim).toMatchObject({ user: 'ann' });
      await bench.queue.close();
    });

    it('lets a running sync end', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      await bench.queue.pause('default');
      const waiting = bench.wait('ann');
      await bench.queue.complete(claim, done);
      expect(await bench.status('ann')).toMatchObject({ priority: 'none', failed: false });
      expect(await waiting, 'of the next sync').toBe('transient');
      await bench.queue.close();
    });

    it('answers those that wait at once, and those that come', async () => {
      const bench = await ContractBench.open(open);
      const before = bench.wait('ann');
      await bench.queue.pause('default');
      expect(await before).toBe('transient');
      expect(await bench.wait('bob')).toBe('transient');
      await bench.queue.close();
    });

    it('stays paused when the configuration is read again', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.pause('default');
      await bench.queue.configure({ ...contractSettings, fullSyncIntervalMs: 1000 });
      expect((await bench.queue.channelStatus('default')).paused).toBe(true);
      await bench.queue.close();
    });

    it('that is not there is refused', async () => {
      const bench = await ContractBench.open(open);
      await expect(bench.queue.pause('nowhere')).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_CHANNEL' });
      await expect(bench.queue.resume('nowhere')).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_CHANNEL' });
      await bench.queue.close();
    });
  });
}
