import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { ContractBench, contractSettings, done, type OpenQueue } from './contract-bench.ts';

export function describeRequests(open: OpenQueue): void {
  describe('requests', () => {
    it('merge into one sync with the highest priority and the oldest request', async () => {
      const bench = await ContractBench.open(open);
      const askedAt = bench.clock.now();
      await bench.request('ann', 'low');
      bench.clock.advance(1000);
      await bench.request('ann', 'high');
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      expect(claim).toMatchObject({
        user: 'ann',
        channel: 'default',
        priority: 'high',
        requestedAt: askedAt,
      });
      await bench.queue.complete(claim, done);
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.close();
    });

    it('that come during a sync cause exactly one more, of their own priority', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'high');
      const first = await bench.claim();
      bench.clock.advance(500);
      const changedAt = bench.clock.now();
      await bench.request('ann', 'low');
      await bench.request('ann', 'low');
      expect(await bench.claimNow(), 'no second sync beside the first').toBeUndefined();
      bench.clock.advance(500);
      await bench.queue.complete(first, done);
      const second = await bench.claim();
      expect(second).toMatchObject({ user: 'ann', priority: 'low', requestedAt: changedAt });
      await bench.queue.complete(second, done);
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.close();
    });

    it('with full make the next sync a full one, once', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.request('ann', 'low', { full: true });
      await bench.request('ann', 'high');
      const full = await bench.claim();
      expect(full).toMatchObject({ type: 'full', state: undefined });
      await bench.queue.complete(full, done);
      await bench.request('ann', 'low');
      expect(await bench.claim()).toMatchObject({ type: 'incremental', state: 's1' });
      await bench.queue.close();
    });

    it('with full during a full sync make another full one', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low', { full: true });
      const first = await bench.claim();
      await bench.request('ann', 'low', { full: true });
      await bench.queue.complete(first, done);
      expect(await bench.claim()).toMatchObject({ type: 'full' });
      await bench.queue.close();
    });

    it('for two channels are two syncs, one after the other', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      await bench.request('ann', 'low', { channel: 'other' });
      const first = await bench.claim();
      expect(await bench.claimNow(), 'the user is being synced').toBeUndefined();
      expect(bench.queue.running()).toMatchObject([{ user: 'ann', channel: first.channel }]);
      await bench.queue.complete(first, done);
      const second = await bench.claim();
      expect(new Set([first.channel, second.channel])).toEqual(new Set(['default', 'other']));
      await bench.queue.complete(second, done);
      expect(await bench.claimNow()).toBeUndefined();
      await bench.queue.close();
    });

    it('in bulk are merged like single ones, names unchecked', async () => {
      const bench = await ContractBench.open(open);
      const tooLong = 'x'.repeat(256);
      const result = await bench.queue.requestMany({
        channels: ['default', 'other'],
        names: ['ann', '../etc', 'bob', 'ann', 'carl', tooLong, 'x'.repeat(255), 'dora'],
        priorities: Uint8Array.of(1, 2, 3, 2, 0, 1, 1, 4),
      });
      expect(result).toEqual({ refusedCount: 4, firstRefused: '../etc', leftOut: [] });
      for (const channel of ['default', 'other']) {
        expect(await bench.status('ann', channel)).toMatchObject({ priority: 'high' });
        expect(await bench.queue.channelStatus(channel)).toMatchObject({
          users: 3,
          queuedLow: 1,
          queuedHigh: 1,
          queuedSync: 1,
        });
      }
      await bench.queue.close();
    });

    it('are refused for a channel that is not configured', async () => {
      const bench = await ContractBench.open(open);
      const refusal = { name: 'DsyncdError', code: 'DSYNCD_QUEUE_CHANNEL' };
      await expect(bench.request('ann', 'low', { channel: 'nowhere' })).rejects.toMatchObject(refusal);
      await expect(bench.wait('ann', 'nowhere')).rejects.toMatchObject(refusal);
      await expect(bench.queue.add('nowhere', [parseUserName('ann')])).rejects.toMatchObject(refusal);
      await bench.queue.close();
      await expect(bench.request('ann', 'low')).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_CLOSED' });
    });
  });
}

const ann = parseUserName('ann');
const bob = parseUserName('bob');
const carl = parseUserName('carl');
const dora = parseUserName('dora');

export function describeNoRoom(open: OpenQueue): void {
  describe('a full table of users', () => {
    const openFull = async (): Promise<ContractBench> => {
      const bench = await ContractBench.open((options) => open({ ...options, usersMax: 2 }), {
        ...contractSettings,
        channels: ['default'],
      });
      await bench.request('ann', 'low');
      await bench.request('bob', 'low');
      return bench;
    };
    const prioritiesOf = async (bench: ContractBench): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for await (const { user, priority } of bench.queue.userStatus('default', '*')) found[user] = priority;
      return found;
    };

    it('takes the known users, wherever they stand in the batch, and says which ones it left out', async () => {
      const bench = await openFull();
      const names = [carl, ann, dora, bob];
      const batch = { channels: ['default'], names, priorities: Uint8Array.of(2, 2, 2, 2) };
      const result = await bench.queue.requestMany(batch);
      expect(result).toEqual({ refusedCount: 0, firstRefused: undefined, leftOut: [0, 2] });
      expect(await prioritiesOf(bench)).toEqual({ ann: 'high', bob: 'high' });
      await bench.queue.close();
    });

    it('takes requests, added and doubted users beside the one that it leaves out', async () => {
      const bench = await openFull();
      const requests = [carl, ann].map((user) => ({ user, priority: 'sync' }) as const);
      expect(await bench.queue.request('default', requests)).toEqual({ leftOut: [0] });
      expect(await prioritiesOf(bench)).toMatchObject({ ann: 'sync' });
      for (const call of ['add', 'doubt'] as const)
        expect(await bench.queue[call]('default', [bob, carl])).toEqual({ leftOut: [1] });
      expect(await bench.queue.channelStatus('default')).toMatchObject({ users: 2 });
      await bench.queue.close();
    });

    it('has room again for one that was left out when another is forgotten', async () => {
      const bench = await openFull();
      expect(await bench.request('carl', 'low')).toEqual({ leftOut: [0] });
      await bench.queue.remove('default', parseUserName('ann'));
      expect(await bench.request('carl', 'low')).toEqual({ leftOut: [] });
      expect(await prioritiesOf(bench)).toEqual({ bob: 'low', carl: 'low' });
      await bench.queue.close();
    });
  });
}
