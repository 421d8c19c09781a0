import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import type { Completion } from '../port.ts';
import { ContractBench, done, type OpenQueue, peerDown } from './contract-bench.ts';
import { standing } from './standing.ts';

const ann = parseUserName('ann');
const pauseMs = 2_000;
const unproven: Completion = { outcome: 'ok', full: false, state: 's2', proofAfterMs: pauseMs };

/** A queue whose only user was synced with success, but changes came so close that flags may differ. */
async function openUnproven(open: OpenQueue): Promise<ContractBench> {
  const bench = await ContractBench.open(open);
  await bench.settle('ann');
  await bench.request('ann', 'high');
  await bench.sync(unproven);
  return bench;
}

export function describeProof(open: OpenQueue): void {
  describe('after a sync that could not prove both sides equal', () => {
    it('the user is "unproven" until a full sync has ended well, and counts as one whose change waits', async () => {
      const bench = await openUnproven(open);
      expect(await standing(bench)).toBe('unproven');
      bench.clock.advance(500);
      expect(await bench.queue.lagCounts('default', [-1, 400, 500])).toEqual([1, 1, 0]);
      const { requestedAt, priority } = await bench.status('ann');
      expect(requestedAt).toBe(bench.clock.now() - 500);
      expect(priority).toBe('none');
      expect((await bench.queue.channelStatus('default')).oldestRequestAt).toBe(requestedAt);
      const { waitedMs, claim } = await bench.msUntilDue('ann', 100, 10_000);
      expect(waitedMs).toBe(pauseMs - 500);
      expect(claim).toMatchObject({ type: 'full', requestedAt });
      expect(await standing(bench), 'while it is proven').toBe('unproven');
      await bench.queue.complete(claim, done);
      expect(await standing(bench)).toBe('replicated');
      expect(await bench.queue.lagCounts('default', [-1])).toEqual([0]);
      bench.clock.advance(60_000);
      expect(await bench.claimNow(), 'once').toBeUndefined();
      await bench.queue.close();
    });

    it('a change goes at once, and the proof comes when the user was quiet', async () => {
      const bench = await openUnproven(open);
      bench.clock.advance(1_500);
      await bench.request('ann', 'low');
      expect(await standing(bench)).toBe('behind');
      expect(await bench.sync(unproven)).toMatchObject({ type: 'incremental', state: 's2' });
      expect(await standing(bench)).toBe('unproven');
      bench.clock.advance(1_500);
      expect(await bench.claimNow()).toBeUndefined();
      bench.clock.advance(500);
      expect((await bench.sync()).type).toBe('full');
      expect(await standing(bench)).toBe('replicated');
      await bench.queue.close();
    });

    it('a plain success is no proof, as after a restart of the engine', async () => {
      const bench = await openUnproven(open);
      await bench.request('ann', 'low');
      await bench.sync({ outcome: 'ok', full: false });
      expect(await standing(bench)).toBe('unproven');
      expect((await bench.msUntilDue('ann', 100, 10_000)).claim.type).toBe('full');
      await bench.queue.close();
    });

    it('one who never pauses is proven all the same', async () => {
      const bench = await openUnproven(open);
      const types: string[] = [];
      for (let turn = 0; turn < 25 && types.at(-1) !== 'full'; turn++) {
        bench.clock.advance(1_000);
        await bench.request('ann', 'high');
        const claim = await bench.claim();
        types.push(claim.type);
        await bench.queue.complete(claim, claim.type === 'full' ? done : unproven);
      }
      expect(types.length).toBe(21);
      expect(types.at(-1)).toBe('full');
      expect(await standing(bench)).toBe('replicated');
      await bench.queue.close();
    });

    it('changes of others go before the proof', async () => {
      const bench = await openUnproven(open);
      bench.clock.advance(pauseMs);
      await bench.request('bob', 'low');
      expect(await bench.claimUsers()).toEqual(['bob', 'ann']);
      await bench.queue.close();
    });

    it('a proof that fails is tried again as every failure, and one that finds changes soon', async () => {
      const bench = await openUnproven(open);
      bench.clock.advance(pauseMs);
      await bench.sync(peerDown);
      expect(await standing(bench)).toBe('failing');
      bench.clock.advance(60_000);
      expect((await bench.sync({ outcome: 'changed', full: false })).type).toBe('full');
      expect(await standing(bench)).toBe('behind');
      bench.clock.advance(1_000);
      expect((await bench.sync()).type).toBe('full');
      expect(await standing(bench)).toBe('replicated');
      await bench.queue.close();
    });

    it('"changed" may leave it, too', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.request('ann', 'low');
      await bench.sync({ outcome: 'changed', full: false, proofAfterMs: pauseMs });
      bench.clock.advance(1_000);
      await bench.sync({ outcome: 'ok', full: false });
      expect(await standing(bench)).toBe('unproven');
      await bench.queue.remove('default', ann);
      expect(await bench.queue.lagCounts('default', [-1])).toEqual([0]);
      await bench.queue.close();
    });
  });
}
