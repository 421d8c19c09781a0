import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { ContractBench, contractSettings, type OpenQueue } from './contract-bench.ts';

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
    const refusal = { code: 'DSYNCD_QUEUE_USERS_MAX', outcome: 'operator' };
    const prioritiesOf = async (bench: ContractBench): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for await (const { user, priority } of bench.queue.userStatus('default', '*')) found[user] = priority;
      return found;
    };

    it('takes those whom it knows, whoever stands before them, and says whom it left out', async () => {
      const bench = await openFull();
      const names = [carl, ann, dora, bob];
      const batch = { channels: ['default'], names, priorities: Uint8Array.of(2, 2, 2, 2) };
      const result = await bench.queue.requestMany(batch);
      expect(result).toEqual({ refusedCount: 0, firstRefused: undefined, leftOut: [0, 2] });
      expect(await prioritiesOf(bench)).toEqual({ ann: 'high', bob: 'high' });
      await bench.queue.close();
    });

    it('has requests, added and doubted users go through beside the one that it refuses by name', async () => {
      const bench = await openFull();
      const requests = [carl, ann].map((user) => ({ user, priority: 'sync' }) as const);
      await expect(bench.queue.request('default', requests)).rejects.toMatchObject(refusal);
      expect(await prioritiesOf(bench)).toMatchObject({ ann: 'sync' });
      for (const call of ['add', 'doubt'] as const)
        await expect(bench.queue[call]('default', [carl, bob])).rejects.toThrow('carl');
      expect(await bench.queue.channelStatus('default')).toMatchObject({ users: 2 });
      await bench.queue.close();
    });

    it('has room again for one that was left out when another is forgotten', async () => {
      const bench = await openFull();
      await expect(bench.request('carl', 'low')).rejects.toMatchObject(refusal);
      await bench.queue.remove('default', parseUserName('ann'));
      await bench.request('carl', 'low');
      expect(await prioritiesOf(bench)).toEqual({ bob: 'low', carl: 'low' });
      await bench.queue.close();
    });
  });
}
