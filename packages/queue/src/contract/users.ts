import { parseUserName } from '@dsyncd/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReplicationQueue } from '../port.ts';
import { ContractBench, contractSettings, done, type OpenQueue, peerDown } from './contract-bench.ts';

export function describeUsers(open: OpenQueue): void {
  describe('users', () => {
    it('that are added are known and not asked for; adding again changes nothing', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      const before = await bench.status('ann');
      bench.clock.advance(1000);
      await bench.queue.add('default', ['ann', 'bob', 'bob'].map(parseUserName));
      expect(await bench.status('ann')).toEqual(before);
      expect(await bench.status('bob')).toMatchObject({ priority: 'none', lastFullSyncAt: undefined });
      expect(await bench.queue.channelStatus('default')).toMatchObject({ users: 2, queuedLow: 0 });
      expect(await bench.queue.channelStatus('other')).toMatchObject({ users: 0 });
      await bench.queue.close();
    });

    it('that are removed are gone, with their state; false for unknown ones', async () => {
      const bench = await ContractBench.open(open);
      const ann = parseUserName('ann');
      await bench.settle('ann');
      await bench.request('ann', 'high', { channel: 'other' });
      expect(await bench.queue.remove('default', ann)).toBe(true);
      expect(await bench.queue.remove('default', ann)).toBe(false);
      expect(await bench.status('ann', 'other')).toMatchObject({ priority: 'high' });
      await bench.queue.remove('other', ann);
      await bench.request('ann', 'low');
      expect(await bench.claim()).toMatchObject({ type: 'full', state: undefined });
      await bench.queue.close();
    });

    it('that are removed during a sync stay away; the late outcome changes nothing', async () => {
      const bench = await ContractBench.open(open);
      const ann = parseUserName('ann');
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      await bench.queue.remove('default', ann);
      await bench.request('ann', 'low');
      expect(await bench.claimNow(), 'the old sync still runs').toBeUndefined();
      await bench.queue.complete(claim, done);
      expect(await bench.claim()).toMatchObject({ user: 'ann', type: 'full', state: undefined });
      await bench.queue.close();
    });

    it('are found by mask', async () => {
      const bench = await ContractBench.open(open);
      const names = ['ann@x.org', 'bob@x.org', 'ann@y.org'];
      await bench.queue.add('default', names.map(parseUserName));
      const found: string[] = [];
      for await (const { user } of bench.queue.userStatus('default', 'ann@*')) found.push(user);
      expect(found.sort()).toEqual(['ann@x.org', 'ann@y.org']);
      expect(await bench.queue.replicate('default', '*@x.org', { priority: 'high', full: true })).toBe(2);
      expect(await bench.queue.replicate('default', 'carl', { priority: 'high', full: true })).toBe(0);
      expect(await bench.queue.channelStatus('default')).toMatchObject({ queuedHigh: 2, users: 3 });
      await bench.queue.close();
    });

    it('whose sync is abandoned are due as before', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const before = await bench.status('ann');
      const claim = await bench.claim();
      await bench.request('ann', 'high');
      await bench.queue.abandon(claim);
      await bench.queue.abandon(claim);
      expect(await bench.status('ann')).toEqual({ ...before, priority: 'high' });
      expect(await bench.claim()).toMatchObject({
        user: 'ann',
        priority: 'high',
        requestedAt: claim.requestedAt,
      });
      await bench.queue.close();
    });

    it('a claim is completed once only', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const claim = await bench.sync();
      await bench.queue.complete(claim, peerDown);
      expect(await bench.status('ann')).toMatchObject({ failed: false });
      await bench.queue.close();
    });

    it('of a channel that is not configured any more wait until it is again', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low', { channel: 'other' });
      await bench.queue.configure({ ...contractSettings, channels: ['default'] });
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.configure(contractSettings);
      expect(await bench.claim()).toMatchObject({ user: 'ann', channel: 'other' });
      await bench.queue.close();
    });

    it('are counted where they are', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('failed', 'idle');
      await bench.request('failed', 'low');
      await bench.sync(peerDown);
      bench.clock.advance(100);
      const oldest = bench.clock.now() - 100;
      for (const [user, priority] of [
        ['a', 'low'],
        ['b', 'low'],
        ['c', 'high'],
        ['d', 'sync'],
      ] as const)
        await bench.request(user, priority);
      const running = await bench.claim();
      expect(running.user).toBe('d');
      expect(await bench.queue.channelStatus('default')).toMatchObject({
        queuedSync: 0,
        queuedHigh: 1,
        queuedLow: 2,
        queuedFailed: 1,
        queuedFullResync: 0,
        quarantined: 0,
        running: 1,
        users: 6,
        oldestRequestAt: oldest,
      });
      await bench.queue.close();
    });
  });
}

const user = parseUserName('Ann@X');

async function known(queue: ReplicationQueue): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { user: name, priority } of queue.userStatus('default', '*')) found[name] = priority;
  return found;
}

export function describeSpelling(open: OpenQueue): void {
  describe('one spelling of a user', () => {
    let bench: ContractBench;
    let queue: ReplicationQueue;

    beforeEach(async () => {
      bench = await ContractBench.open(open, { ...contractSettings, usernameFormat: 'lower' });
      ({ queue } = bench);
    });

    it('has one record, however the user is spelt', async () => {
      await queue.add('default', [user]);
      await queue.request('default', [{ user, priority: 'low' }]);
      await queue.doubt('default', [user]);
      const batch = { channels: ['default'], names: ['ANN@x', 'Bob@x'], priorities: Uint8Array.of(2, 1) };
      await queue.requestMany(batch);
      expect(batch.names).toEqual(['ANN@x', 'Bob@x']);
      expect(await known(queue)).toEqual({ 'ann@x': 'high', 'bob@x': 'low' });
    });

    it('takes names and masks in any spelling', async () => {
      await queue.add('default', [user]);
      expect(await queue.replicate('default', 'ANN@*', { priority: 'sync', full: false })).toBe(1);
      expect(await queue.pauseUsers('default', 'Ann@x')).toBe(1);
      expect((await queue.userPage('default', { mask: 'A*', limit: 10 })).users).toHaveLength(1);
      expect(await queue.unknown('default', [user, parseUserName('Cyd@x')])).toHaveLength(1);
      expect(await queue.remove('default', user)).toBe(true);
      expect(await known(queue)).toEqual({});
    });

    it('answers who waits for another spelling', async () => {
      await bench.settle('ann@x');
      const answer = bench.wait('Ann@X');
      await bench.request('ANN@x', 'sync');
      await bench.sync();
      expect(await answer).toBe('ok');
    });
  });
}
