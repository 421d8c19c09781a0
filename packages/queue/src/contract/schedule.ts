import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { ContractBench, contractSettings, done, type OpenQueue, peerDown } from './contract-bench.ts';

const minuteMs = 60_000;

export function describeSchedule(open: OpenQueue): void {
  describe('the order', () => {
    it('is sync, high, low for requests of one moment', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('low', 'high', 'sync');
      for (const user of ['low', 'high', 'sync'] as const) await bench.request(user, user);
      expect(await bench.claimUsers()).toEqual(['sync', 'high', 'low']);
      await bench.queue.close();
    });

    it('puts a user that was never synced first', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('old');
      await bench.request('old', 'sync');
      await bench.request('new', 'low');
      expect(await bench.claimUsers()).toEqual(['new', 'old']);
      await bench.queue.close();
    });

    it('lets a low request pass high ones that came 15 minutes later', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('low', 'early', 'late');
      await bench.request('low', 'low');
      bench.clock.advance(14 * minuteMs);
      await bench.request('early', 'high');
      bench.clock.advance(2 * minuteMs);
      await bench.request('late', 'high');
      expect(await bench.claimUsers()).toEqual(['early', 'low', 'late']);
      await bench.queue.close();
    });

    it('is not changed by further notifications of the same user', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('busy', 'calm');
      await bench.request('busy', 'low');
      bench.clock.advance(1000);
      await bench.request('calm', 'low');
      await bench.request('busy', 'low');
      expect(await bench.claimUsers()).toEqual(['busy', 'calm']);
      await bench.queue.close();
    });

    it('makes a claim wait until something is due', async () => {
      const bench = await ContractBench.open(open);
      const claim = bench.queue.claim(new AbortController().signal);
      await bench.request('ann', 'low');
      expect(await claim).toMatchObject({ user: 'ann' });
      await bench.queue.close();
    });

    it('ends waiting claims with undefined when they are aborted or the queue closes', async () => {
      const bench = await ContractBench.open(open);
      const stop = new AbortController();
      const aborted = bench.queue.claim(stop.signal);
      const closed = bench.queue.claim(new AbortController().signal);
      stop.abort();
      expect(await aborted).toBeUndefined();
      await bench.queue.close();
      expect(await closed).toBeUndefined();
    });
  });

  describe('a channel whose peer hangs', () => {
    it('leaves room for the others', async () => {
      const bench = await ContractBench.open(open, { ...contractSettings, channelSyncsMax: 2 });
      for (const user of ['a', 'b', 'c']) await bench.request(user, 'high');
      const first = await bench.claim();
      await bench.claim();
      expect(await bench.claimNow(), 'the channel has its share').toBeUndefined();
      await bench.request('d', 'low', { channel: 'other' });
      expect(await bench.claim()).toMatchObject({ user: 'd', channel: 'other' });
      await bench.queue.complete(first, done);
      expect(await bench.claim(), 'and goes on when one has ended').toMatchObject({ channel: 'default' });
      await bench.queue.close();
    });

    it('comes second for a user for whom another channel waits', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'high');
      await bench.sync(peerDown);
      await bench.request('bob', 'high');
      await bench.request('bob', 'low', { channel: 'other' });
      const claim = await bench.claim();
      expect(claim).toMatchObject({ user: 'bob', channel: 'other' });
      await bench.queue.complete(claim, done);
      expect(await bench.claim()).toMatchObject({ user: 'bob', channel: 'default' });
      await bench.queue.close();
    });

    it('comes second where it failed for this user alone, too', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'high');
      await bench.sync(peerDown);
      await bench.settle('bob');
      bench.clock.advance(60_000);
      await bench.request('ann', 'low', { channel: 'other' });
      expect(await bench.claim()).toMatchObject({ user: 'ann', channel: 'other' });
      await bench.queue.close();
    });
  });

  describe('full syncs', () => {
    it('come when the interval since the last one has passed', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      bench.clock.advance(contractSettings.fullSyncIntervalMs - 1);
      expect(await bench.claimNow()).toBeUndefined();
      expect(await bench.queue.channelStatus('default')).toMatchObject({ queuedFullResync: 0 });
      bench.clock.advance(1);
      expect(await bench.queue.channelStatus('default')).toMatchObject({ queuedFullResync: 1 });
      expect(await bench.claim()).toMatchObject({ user: 'ann', type: 'full', priority: 'none' });
      await bench.queue.close();
    });

    it('are not put off by incremental ones', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      bench.clock.advance(contractSettings.fullSyncIntervalMs / 2);
      await bench.request('ann', 'low');
      await bench.sync({ outcome: 'ok', full: false, state: 's2' });
      bench.clock.advance(contractSettings.fullSyncIntervalMs / 2);
      expect(await bench.claim()).toMatchObject({ user: 'ann', type: 'full' });
      await bench.queue.close();
    });

    it('of users who were never synced come at once, but behind every change', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.add('default', ['new', 'newer'].map(parseUserName));
      bench.clock.advance(3_600_000);
      await bench.request('ann', 'low');
      expect(await bench.claim()).toMatchObject({ user: 'ann' });
      expect(await bench.claim()).toMatchObject({ user: 'new', type: 'full', priority: 'none' });
      expect(await bench.claim()).toMatchObject({ user: 'newer' });
      await bench.queue.close();
    });

    it('that nobody asked for take only so many workers', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.configure({ ...contractSettings, quietSyncsMax: 1 });
      await bench.queue.add('default', ['new', 'newer'].map(parseUserName));
      const first = await bench.claim();
      expect(await bench.claimNow(), 'one runs').toBeUndefined();
      await bench.request('ann', 'low');
      expect(await bench.claim(), 'a change has room').toMatchObject({ user: 'ann' });
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.complete(first, done);
      expect(await bench.claim()).toMatchObject({ user: 'newer' });
      await bench.queue.close();
    });

    it('follow a new interval at once', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      bench.clock.advance(3_600_000);
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.configure({ ...contractSettings, fullSyncIntervalMs: 3_600_000 });
      expect(await bench.claim()).toMatchObject({ user: 'ann', type: 'full' });
      await bench.queue.close();
    });
  });
}
