import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { ContractBench, contractSettings, done, needsPerson, type OpenQueue } from './contract-bench.ts';

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
  describe('a paused user', () => {
    const ann = parseUserName('ann');

    it('is not claimed until resumed, for no request, and holds up no other user', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann', 'bob');
      await bench.request('ann', 'high', { channel: 'other' });
      expect(await bench.queue.pauseUsers('default', 'ann')).toBe(1);
      await bench.request('ann', 'sync');
      await bench.request('ann', 'low', { byOperator: true, full: true });
      await bench.request('bob', 'low');
      expect(await bench.status('ann')).toMatchObject({
        paused: true,
        priority: 'sync',
        nextSyncAt: undefined,
        requestedAt: bench.clock.now(),
      });
      expect(await bench.status('ann', 'other')).toMatchObject({ paused: false });
      expect(await bench.queue.channelStatus('default')).toMatchObject({
        pausedUsers: 1,
        queuedSync: 0,
        queuedLow: 1,
      });
      expect(await bench.claim()).toMatchObject({ channel: 'other', user: 'ann' });
      expect(await bench.claimUsers()).toEqual(['bob']);
      bench.clock.advance(2 * contractSettings.fullSyncIntervalMs);
      expect(await bench.claimUsers()).toEqual([]);
      expect(await bench.queue.resumeUsers('default', 'ann')).toBe(1);
      expect(await bench.status('ann')).toMatchObject({ paused: false });
      expect(await bench.queue.channelStatus('default')).toMatchObject({ pausedUsers: 0 });
      await bench.queue.close();
    });

    it('is due at once when resumed with a change that waits, and wakes the workers', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      await bench.queue.pauseUsers('default', 'ann');
      const claim = bench.queue.claim(new AbortController().signal);
      await bench.queue.resumeUsers('default', 'ann');
      expect(await claim).toMatchObject({ user: 'ann', priority: 'low' });
      await bench.queue.close();
    });

    it('is found by mask, among known users only', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.add('default', ['ann@x.org', 'bob@x.org', 'ann@y.org'].map(parseUserName));
      expect(await bench.queue.pauseUsers('default', '*@x.org')).toBe(2);
      expect(await bench.queue.pauseUsers('default', 'carl')).toBe(0);
      expect(await bench.queue.pauseUsers('default', '*')).toBe(3);
      expect(await bench.queue.resumeUsers('default', 'bob@*')).toBe(1);
      const query = { mask: '*', only: 'paused', limit: 10 } as const;
      const { users } = await bench.queue.userPage('default', query);
      expect(users.map(({ user }) => user).sort()).toEqual(['ann@x.org', 'ann@y.org']);
      expect(await bench.queue.channelStatus('default')).toMatchObject({ pausedUsers: 2, users: 3 });
      await bench.queue.close();
    });

    it('ends the sync that runs, and keeps what came meanwhile', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      await bench.queue.pauseUsers('default', 'ann');
      expect(await bench.queue.channelStatus('default')).toMatchObject({ running: 1, pausedUsers: 0 });
      await bench.request('ann', 'high');
      await bench.queue.complete(claim, done);
      expect(await bench.status('ann')).toMatchObject({ paused: true, priority: 'high', failed: false });
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.resumeUsers('default', '*');
      expect(await bench.claim()).toMatchObject({ user: 'ann', type: 'incremental' });
      await bench.queue.close();
    });

    it('answers those that wait for it at once, and those that come', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.add('default', [ann, parseUserName('bob')]);
      const before = bench.wait('ann');
      const others = bench.wait('bob');
      await bench.queue.pauseUsers('default', 'ann');
      expect(await before).toBe('transient');
      expect(await bench.wait('ann')).toBe('transient');
      await bench.request('bob', 'sync');
      await bench.sync();
      expect(await others).toBe('ok');
      await bench.queue.close();
    });

    it('is not released by a retry of quarantine, and is not paused any more when known anew', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      await bench.sync(needsPerson);
      await bench.queue.pauseUsers('default', 'ann');
      expect(await bench.queue.channelStatus('default')).toMatchObject({ quarantined: 1, pausedUsers: 0 });
      await bench.queue.replicate('default', 'ann', { priority: 'high', full: false });
      expect(await bench.queue.channelStatus('default')).toMatchObject({ quarantined: 0, pausedUsers: 1 });
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.remove('default', ann);
      await bench.request('ann', 'low');
      expect(await bench.claim()).toMatchObject({ user: 'ann' });
      await bench.queue.close();
    });
  });
}
