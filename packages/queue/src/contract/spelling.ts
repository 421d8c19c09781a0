import { parseUserName } from '@dsyncd/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReplicationQueue } from '../port.ts';
import { ContractBench, contractSettings, type OpenQueue } from './contract-bench.ts';

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
