import { changingSyncsMin, parseUserName, type Standing, standings } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { ContractBench, done, type OpenQueue, peerDown } from './contract-bench.ts';

const ann = parseUserName('ann');

/** How ann stands; the counts of her channel must say the same of her, and of nobody else. */
export async function standing(bench: ContractBench): Promise<Standing> {
  const { standing: hers } = await bench.status('ann');
  const { standings: counts, users } = await bench.queue.channelStatus('default');
  expect(users).toBe(1);
  expect(standings.filter((each) => counts[each] !== 0)).toEqual([hers]);
  const behind = await bench.queue.userPage('default', { mask: '*', only: 'behind', limit: 10 });
  expect(behind.users).toHaveLength(hers === 'replicated' ? 0 : 1);
  return hers;
}

export function describeStanding(open: OpenQueue): void {
  describe('how a user stands', () => {
    it('is "never synced" until a full sync has ended well, and "behind" while a change waits', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.add('default', [ann]);
      expect(await standing(bench)).toBe('never synced');
      await bench.sync({ outcome: 'ok', full: false });
      expect(await standing(bench), 'a part is not all').toBe('never synced');
      await bench.request('ann', 'low', { byOperator: true });
      await bench.sync();
      expect(await standing(bench)).toBe('replicated');
      await bench.request('ann', 'low');
      expect(await standing(bench)).toBe('behind');
      const claim = await bench.claim();
      expect(await standing(bench), 'while it is synced').toBe('behind');
      await bench.queue.complete(claim, done);
      expect(await standing(bench)).toBe('replicated');
      await bench.queue.close();
    });

    it('is "failing", "quarantined" or "paused", whatever else is so', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      await bench.sync(peerDown);
      expect(await standing(bench)).toBe('failing');
      await bench.queue.pauseUsers('default', 'ann');
      expect(await standing(bench)).toBe('paused');
      await bench.queue.resumeUsers('default', 'ann');
      await bench.request('ann', 'low', { byOperator: true });
      await bench.sync({ outcome: 'operator', full: false });
      expect(await standing(bench)).toBe('quarantined');
      await bench.queue.remove('default', ann);
      expect(await bench.queue.channelStatus('default')).toMatchObject({
        users: 0,
        standings: { quarantined: 0, replicated: 0 },
      });
      await bench.queue.close();
    });

    it('is "changing" when no sync finds the mail at rest', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.request('ann', 'low');
      for (let times = 1; times <= changingSyncsMin; times++) {
        expect(await standing(bench)).toBe('behind');
        await bench.sync({ outcome: 'changed', full: false });
        bench.clock.advance(60_000);
      }
      expect(await standing(bench)).toBe('changing');
      await bench.sync();
      expect(await standing(bench)).toBe('replicated');
      await bench.queue.close();
    });
  });

  describe('a doubt', () => {
    it('makes the user due at once, behind every change, and ends with a good sync', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.queue.doubt('default', [ann]);
      expect(await standing(bench)).toBe('not known');
      bench.clock.advance(3_600_000);
      await bench.request('bob', 'low', { channel: 'other' });
      expect(await bench.claim()).toMatchObject({ user: 'bob' });
      await bench.sync({ outcome: 'changed', full: false });
      expect(await standing(bench)).toBe('behind');
      bench.clock.advance(60_000);
      await bench.sync({ outcome: 'ok', full: false });
      expect(await standing(bench)).toBe('replicated');
      await bench.queue.close();
    });

    it('that comes while the user is synced outlives that sync', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.queue.doubt('default', [ann]);
      const claim = await bench.claim();
      await bench.queue.doubt('default', [ann]);
      await bench.queue.complete(claim, done);
      expect(await standing(bench)).toBe('not known');
      await bench.sync();
      expect(await standing(bench)).toBe('replicated');
      await bench.queue.close();
    });

    it('makes an unknown user known', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.doubt('default', [ann]);
      expect(await standing(bench)).toBe('never synced');
      expect(await bench.claim()).toMatchObject({ user: 'ann', type: 'full' });
      await bench.queue.close();
    });
  });
}
