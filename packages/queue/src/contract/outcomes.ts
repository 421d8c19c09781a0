import { describe, expect, it } from 'vitest';
import {
  ContractBench,
  contractSettings,
  done,
  needsPerson,
  type OpenQueue,
  peerDown,
} from './contract-bench.ts';

const changed = { outcome: 'changed', full: false } as const;

export function describeOutcomes(open: OpenQueue): void {
  describe('outcome', () => {
    it('ok: stores state and times', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      const startedAt = bench.clock.now();
      bench.clock.advance(700);
      await bench.queue.complete(claim, done);
      expect(await bench.status('ann')).toMatchObject({
        priority: 'none',
        lastFastSyncAt: startedAt,
        lastFullSyncAt: startedAt,
        lastSuccessAt: startedAt + 700,
        nextSyncAt: startedAt + contractSettings.fullSyncIntervalMs,
        failed: false,
        running: false,
        requestedAt: undefined,
      });
      await bench.request('ann', 'low');
      expect(await bench.claim()).toMatchObject({ type: 'incremental', state: 's1' });
      await bench.queue.close();
    });

    it('ok with an empty state drops the stored one', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.request('ann', 'low');
      await bench.sync({ outcome: 'ok', full: false, state: '' });
      await bench.request('ann', 'low');
      expect(await bench.claim()).toMatchObject({ type: 'normal', state: undefined });
      await bench.queue.close();
    });

    it.each([changed, peerDown, needsPerson])(
      '$outcome with an empty state drops the stored one',
      async (end) => {
        const bench = await ContractBench.open(open);
        await bench.settle('ann');
        await bench.request('ann', 'low');
        await bench.sync({ ...end, state: '' });
        expect(await bench.queue.replicate('default', '*', { priority: 'low', full: false })).toBe(1);
        expect(await bench.claim()).toMatchObject({ type: 'normal', state: undefined });
        await bench.queue.close();
      },
    );

    it('changed: a full sync is not done with it', async () => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.queue.replicate('default', '*', { priority: 'low', full: true });
      await bench.sync({ ...changed, full: true, state: 's2' });
      expect((await bench.msUntilDue('ann', 250, 60_000)).claim).toMatchObject({ type: 'full' });
      await bench.queue.close();
    });

    it.each(['changed', 'busy'] as const)(
      '%s: soon again, more slowly each time, not a failure',
      async (outcome) => {
        const bench = await ContractBench.open(open);
        await bench.settle('ann');
        await bench.request('ann', 'low');
        const askedAt = bench.clock.now();
        const waits: number[] = [];
        for (let round = 0; round < 10; round++) {
          const { waitedMs, claim } = await bench.msUntilDue('ann', 250, 60_000);
          waits.push(waitedMs);
          // That of the sync before: only a success proves that its state hides no change.
          expect(claim).toMatchObject({ requestedAt: askedAt, state: 's1' });
          await bench.queue.complete(claim, { outcome, full: false, state: 's2' });
          expect(await bench.status('ann')).toMatchObject({
            failed: false,
            failuresInRow: 0,
            priority: 'low',
          });
        }
        expect(waits.slice(0, 3)).toEqual([0, 250, 500]);
        expect(waits.at(-1)).toBe(10_000);
        await bench.queue.close();
      },
    );

    it('transient: backs off from 5 s to the failure interval, keeps what was asked', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'high');
      const askedAt = bench.clock.now();
      const waits: number[] = [];
      for (let round = 0; round < 10; round++) {
        const { waitedMs, claim } = await bench.msUntilDue('ann', 1000, 400_000);
        waits.push(waitedMs);
        expect(claim).toMatchObject({ priority: 'high', requestedAt: askedAt });
        await bench.queue.complete(claim, peerDown);
      }
      expect(waits[1]).toBe(5000);
      for (const [index, waitMs] of waits.entries()) {
        if (index < 2) continue;
        const full = Math.min(contractSettings.failureResyncIntervalMs, 5000 * 2 ** (index - 1));
        expect(waitMs).toBeGreaterThanOrEqual(full * 0.75);
        expect(waitMs).toBeLessThanOrEqual(full + 1000);
      }
      expect(await bench.status('ann')).toMatchObject({
        failed: true,
        failuresInRow: 10,
        failure: peerDown.failure,
        priority: 'high',
      });
      expect(await bench.queue.channelStatus('default')).toMatchObject({
        queuedFailed: 1,
        oldestRequestAt: askedAt,
      });
      await bench.queue.close();
    });

    it('transient: notifications do not shorten the wait, a person does', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      await bench.sync(peerDown);
      await bench.request('ann', 'high');
      expect(await bench.claimNow()).toBeUndefined();
      expect(await bench.queue.replicate('default', '*', { priority: 'low', full: false })).toBe(1);
      expect(await bench.claim()).toMatchObject({ user: 'ann', priority: 'high' });
      await bench.queue.close();
    });

    it('transient: a success forgets the failure', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      await bench.sync(peerDown);
      bench.clock.advance(5000);
      await bench.sync();
      expect(await bench.status('ann')).toMatchObject({
        failed: false,
        failuresInRow: 0,
        failure: undefined,
      });
      await bench.queue.close();
    });

    it('operator: held until asked for by hand; notifications are remembered', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      await bench.sync(needsPerson);
      await bench.request('ann', 'high');
      bench.clock.advance(10 * contractSettings.fullSyncIntervalMs);
      expect(await bench.claimNow()).toBeUndefined();
      expect(await bench.status('ann')).toMatchObject({
        quarantined: true,
        priority: 'high',
        failure: needsPerson.failure,
        nextSyncAt: undefined,
      });
      expect(await bench.queue.channelStatus('default')).toMatchObject({ quarantined: 1, queuedHigh: 0 });
      expect(await bench.queue.replicate('default', 'a?n', { priority: 'low', full: false })).toBe(1);
      expect(await bench.claim()).toMatchObject({ user: 'ann', priority: 'high' });
      await bench.queue.close();
    });

    it('operator: a single request by a person ends it too', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      await bench.request('ann', 'low', { byOperator: true });
      await bench.queue.complete(claim, needsPerson);
      await bench.sync(needsPerson);
      expect(await bench.claimNow()).toBeUndefined();
      await bench.request('ann', 'low', { byOperator: true });
      expect(await bench.claim()).toMatchObject({ user: 'ann' });
      await bench.queue.close();
    });

    it.each(['nouser', 'noreplicate'] as const)('%s: forgets the user and its state', async (outcome) => {
      const bench = await ContractBench.open(open);
      await bench.settle('ann');
      await bench.request('ann', 'low');
      await bench.sync({ outcome, full: false });
      expect(await bench.queue.channelStatus('default')).toMatchObject({
        users: 0,
        oldestRequestAt: undefined,
      });
      await bench.request('ann', 'low');
      expect(await bench.claim()).toMatchObject({ type: 'full', state: undefined });
      await bench.queue.close();
    });

    it('nouser: a notification during the sync is not lost', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('ann', 'low');
      const claim = await bench.claim();
      await bench.request('ann', 'high');
      await bench.queue.complete(claim, { outcome: 'nouser', full: false });
      expect(await bench.claim()).toMatchObject({ user: 'ann', priority: 'high' });
      await bench.queue.close();
    });
  });

  describe('the breaker', () => {
    const failAll = async (bench: ContractBench, count: number): Promise<void> => {
      for (let index = 0; index < count; index++) await bench.request(`user${index}`, 'low');
      for (let index = 0; index < count; index++) await bench.sync(peerDown);
    };

    it('opens after 5 failures in a row, lets one try through, closes with the first success', async () => {
      const bench = await ContractBench.open(open);
      await failAll(bench, 4);
      expect((await bench.queue.channelStatus('default')).breaker.state).toBe('closed');
      await bench.request('fifth', 'low');
      await bench.sync(peerDown);
      await bench.request('ann', 'high');
      await bench.request('bob', 'high');
      expect(await bench.claimNow(), 'held back').toBeUndefined();
      const { breaker } = await bench.queue.channelStatus('default');
      expect(breaker).toMatchObject({
        state: 'open',
        consecutiveFailures: 5,
        lastReason: 'connection refused',
      });
      expect(breaker.retryAt).toBeGreaterThan(bench.clock.now());
      bench.clock.advance(5000);
      const probe = await bench.claim();
      expect((await bench.queue.channelStatus('default')).breaker.state).toBe('half-open');
      expect(await bench.claimNow(), 'one try only').toBeUndefined();
      await bench.queue.complete(probe, done);
      expect((await bench.queue.channelStatus('default')).breaker).toMatchObject({
        state: 'closed',
        consecutiveFailures: 0,
        retryAt: undefined,
      });
      bench.clock.advance(1000);
      expect((await bench.claimUsers()).length).toBe(6);
      await bench.queue.close();
    });

    it('waits longer after each failed try, at most a minute, and holds back no other channel', async () => {
      const bench = await ContractBench.open(open);
      await failAll(bench, 5);
      await bench.request('ann', 'low', { channel: 'other' });
      expect(await bench.claim()).toMatchObject({ channel: 'other' });
      for (let index = 0; index < 20; index++) await bench.request(`more${index}`, 'low');
      const waits: number[] = [];
      for (let round = 0; round < 8; round++) {
        const retryAt = (await bench.queue.channelStatus('default')).breaker.retryAt ?? 0;
        waits.push(retryAt - bench.clock.now());
        bench.clock.advance(retryAt - bench.clock.now());
        await bench.sync(peerDown);
      }
      expect(waits[0]).toBeLessThanOrEqual(5000);
      for (let index = 1; index < 4; index++)
        expect(waits[index]).toBeGreaterThan((waits[index - 1] ?? 0) * 1.5);
      expect(waits.at(-1)).toBeLessThanOrEqual(60_000);
      expect(waits.at(-1)).toBeGreaterThan(40_000);
      await bench.queue.close();
    });

    it('does not open for one user that fails alone', async () => {
      const bench = await ContractBench.open(open);
      await bench.request('bad', 'low');
      for (let round = 0; round < 8; round++) {
        await bench.sync(peerDown);
        bench.clock.advance(contractSettings.failureResyncIntervalMs);
      }
      expect((await bench.queue.channelStatus('default')).breaker.state).toBe('closed');
      await bench.queue.close();
    });

    it('lets the next try through when the first was abandoned', async () => {
      const bench = await ContractBench.open(open);
      await failAll(bench, 5);
      bench.clock.advance(5000);
      await bench.queue.abandon(await bench.claim());
      expect(await bench.claimNow()).toBeDefined();
      await bench.queue.close();
    });
  });
}
