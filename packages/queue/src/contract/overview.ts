import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import type { UserQuery } from '../port.ts';
import { ContractBench, needsPerson, type OpenQueue, peerDown } from './contract-bench.ts';

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
