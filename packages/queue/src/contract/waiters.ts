import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { ContractBench, done, needsPerson, type OpenQueue, peerDown } from './contract-bench.ts';

export function describeWaiters(open: OpenQueue): void {
  describe('a waiter', () => {
    it('is answered by the first sync that starts after it came', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'high');
      const first = await bench.claim();
      let answer: string | undefined;
      const waiting = bench.wait('ann').then((outcome) => {
        answer = outcome;
      });
      await bench.request('ann', 'sync');
      await bench.queue.complete(first, { outcome: 'busy', full: false });
      await bench.queue.channelStatus('default');
      expect(answer, 'the sync that ran already does not count').toBeUndefined();
      bench.clock.advance(1000);
      await bench.sync();
      await waiting;
      expect(answer).toBe('ok');
      await bench.queue.close();
    });

    it('waits on when its sync is abandoned', async () => {
      const bench = await ContractBench.open(open);
      const waiting = bench.wait('ann');
      await bench.request('ann', 'sync');
      await bench.queue.abandon(await bench.claim());
      await bench.sync({ outcome: 'changed', full: false, state: 's' });
      expect(await waiting).toBe('changed');
      await bench.queue.close();
    });

    it('rejects with the reason of its signal, before and during the sync', async () => {
      const bench = await ContractBench.open(open);
      const stop = new AbortController();
      const user = parseUserName('ann');
      const early = bench.queue.waitForSync('default', user, AbortSignal.abort(new Error('gone before')));
      await expect(early).rejects.toThrow('gone before');
      const waiting = bench.queue.waitForSync('default', user, stop.signal);
      await bench.request('ann', 'sync');
      const claim = await bench.claim();
      stop.abort(new Error('gone'));
      await expect(waiting).rejects.toThrow('gone');
      await bench.queue.complete(claim, done);
      await bench.queue.close();
    });

    it('hears "transient" when the channel is held back', async () => {
      const bench = await ContractBench.open(open);
      for (let index = 0; index < 5; index++) await bench.request(`user${index}`, 'low');
      const waiting = bench.wait('ann');
      for (let index = 0; index < 5; index++) await bench.sync(peerDown);
      expect(await waiting).toBe('transient');
      expect(await bench.wait('ann')).toBe('transient');
      await bench.queue.close();
    });

    it('hears "operator" when the user is quarantined', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      const waiting = bench.wait('ann');
      await bench.request('ann', 'sync');
      await bench.queue.complete(claim, needsPerson);
      expect(await waiting).toBe('operator');
      expect(await bench.wait('ann')).toBe('operator');
      await bench.queue.close();
    });

    it('hears "noreplicate" when the user is removed', async () => {
      const bench = await ContractBench.open(open);
      await bench.queue.add('default', [parseUserName('ann')]);
      const waiting = bench.wait('ann');
      await bench.queue.remove('default', parseUserName('ann'));
      expect(await waiting).toBe('noreplicate');
      await bench.queue.close();
    });

    it('rejects when the queue closes', async () => {
      const bench = await ContractBench.open(open);
      const waiting = bench.wait('ann');
      const refused = expect(waiting).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_CLOSED' });
      await bench.queue.close();
      await refused;
    });

    it('is tried 5 s after a failure, however long the backoff is', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      for (let round = 0; round < 6; round++) {
        const { claim } = await bench.msUntilDue('ann', 1000, 400_000);
        await bench.queue.complete(claim, peerDown);
      }
      await bench.request('ann', 'sync');
      expect((await bench.msUntilDue('ann', 1000, 400_000)).waitedMs).toBe(5000);
      await bench.queue.close();
    });
  });
}
