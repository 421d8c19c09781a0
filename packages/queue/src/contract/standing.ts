import { changingSyncsMin, parseUserName, type Standing, standings } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import type { UserQuery } from '../port.ts';
import { ContractBench, done, needsPerson, type OpenQueue, peerDown } from './contract-bench.ts';

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

async function pagesOf(bench: ContractBench, query: UserQuery): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await bench.queue.userPage('default', {
      ...query,
      cursor,
    });
    pages.push(page.users.map(({ user }) => user));
    if (page.next === undefined) return pages;
    cursor = page.next;
  }
}

const all = async (bench: ContractBench, query: UserQuery): Promise<string[]> =>
  (await pagesOf(bench, query)).flat().sort();

export function describeOverview(open: OpenQueue): void {
  describe('pages of users', () => {
    it('have each user once, and no more than asked for', async () => {
      const bench = await ContractBench.open(open);
      const names = Array.from({ length: 25 }, (_, index) => `user${String(index).padStart(2, '0')}`);
      await bench.queue.add('default', names.map(parseUserName));
      await bench.queue.add('other', [parseUserName('stranger')]);
      const pages = await pagesOf(bench, { mask: '*', limit: 10 });
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(10);
      expect(pages.flat().sort()).toEqual(names);
      expect(await all(bench, { mask: 'user1?', limit: 4 })).toEqual(names.slice(10, 20));
      expect(await all(bench, { mask: 'user07', limit: 4 })).toEqual(['user07']);
      expect(await all(bench, { mask: 'nobody', limit: 4 })).toEqual([]);
      await bench.queue.close();
    });

    it('show those that are behind, failed or quarantined', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('idle');
      for (const [user, completion] of [
        ['down', peerDown],
        ['held', needsPerson],
      ] as const) {
        await bench.request(user, 'low');
        await bench.sync(completion);
      }
      await bench.request('waiting', 'low');
      const query = { mask: '*', limit: 2 };
      expect(await all(bench, query)).toEqual(['down', 'held', 'idle', 'waiting']);
      expect(await all(bench, { ...query, only: 'behind' })).toEqual(['down', 'held', 'waiting']);
      expect(await all(bench, { ...query, only: 'failed' })).toEqual(['down', 'held']);
      expect(await all(bench, { ...query, only: 'quarantined' })).toEqual(['held']);
      await bench.queue.close();
    });

    it('refuse a cursor that is none', async () => {
      const bench = await ContractBench.open(open);
      for (const cursor of ['', 'x', '-1', '1e9', '9'.repeat(400)])
        await expect(bench.queue.userPage('default', { mask: '*', limit: 1, cursor })).rejects.toMatchObject({
          code: 'DSYNCD_QUEUE_CURSOR',
        });
      await bench.queue.close();
    });
  });

  describe('the overview', () => {
    it('counts users by how long their oldest change waits', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('idle');
      const limits = [0, 1000, 10_000, 60_000];
      expect(await bench.queue.lagCounts('default', limits)).toEqual([0, 0, 0, 0]);
      await bench.request('oldest', 'low');
      bench.clock.advance(20_000);
      await bench.request('middle', 'low');
      bench.clock.advance(5000);
      await bench.request('oldest', 'high');
      await bench.request('newest', 'low');
      bench.clock.advance(1000);
      expect(await bench.queue.lagCounts('default', limits), 'a limit is not yet beyond it').toEqual([
        3, 2, 1, 0,
      ]);
      await bench.claim();
      expect(await bench.queue.lagCounts('default', limits), 'while it is synced').toEqual([3, 2, 1, 0]);
      expect(await bench.queue.lagCounts('default', [])).toEqual([]);
      await bench.queue.close();
    });
  });
}
