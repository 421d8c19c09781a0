import { expect, it } from 'vitest';
import { ContractBench, contractSettings, done, type OpenQueue, peerDown } from './contract-bench.ts';

const hours = 3_600_000;
const second = 1_000;

/** Somebody sets the clock of the host while the queue runs. */
export function describeClock(open: OpenQueue): void {
  it('a clock that was two hours ahead and is put right makes no failing user wait longer', async () => {
    const bench = await ContractBench.open(open);
    await bench.settle('ann');
    bench.clock.set(2 * hours);
    await bench.request('ann', 'high');
    await bench.sync(peerDown);
    bench.clock.set(-2 * hours);
    await bench.request('ann', 'high');
    const { waitedMs } = await bench.msUntilDue('ann', second, 600 * second);
    expect(waitedMs).toBeGreaterThan(0);
    expect(waitedMs).toBeLessThanOrEqual(6 * second);
    await bench.queue.close();
  });

  it('says when the next try is by the clock as it is now', async () => {
    const bench = await ContractBench.open(open);
    bench.clock.set(2 * hours);
    await bench.request('ann', 'high');
    await bench.sync(peerDown);
    bench.clock.set(-2 * hours);
    await bench.claimNow();
    const { nextSyncAt = Number.POSITIVE_INFINITY } = await bench.status('ann');
    expect(nextSyncAt - bench.clock.now()).toBeLessThanOrEqual(contractSettings.failureResyncIntervalMs);
    await bench.queue.close();
  });

  it('a breaker that opened under a wrong clock tries the peer as soon as under a right one', async () => {
    const bench = await ContractBench.open(open);
    bench.clock.set(2 * hours);
    for (let index = 0; index < 6; index++) await bench.request(`user${index}`, 'high');
    for (let claim = await bench.claimNow(); claim !== undefined; claim = await bench.claimNow())
      await bench.queue.complete(claim, peerDown);
    expect((await bench.queue.channelStatus('default')).breaker.state).toBe('open');
    bench.clock.set(-2 * hours);
    await bench.claimNow();
    const { breaker } = await bench.queue.channelStatus('default');
    expect((breaker.retryAt ?? 0) - bench.clock.now()).toBeLessThanOrEqual(60 * second);
    bench.clock.advance(60 * second);
    await bench.sync(done);
    expect((await bench.queue.channelStatus('default')).breaker.state).toBe('closed');
    await bench.queue.close();
  });

  it('a full sync made under a wrong clock does not put off the next one', async () => {
    const bench = await ContractBench.open(open);
    bench.clock.set(90 * 24 * hours);
    await bench.request('ann', 'high');
    await bench.sync(done);
    bench.clock.set(-90 * 24 * hours);
    await bench.claimNow();
    bench.clock.advance(contractSettings.fullSyncIntervalMs);
    expect(await bench.claim()).toMatchObject({ user: 'ann', type: 'full' });
    await bench.queue.close();
  });

  it('a change asked for under a wrong clock waits as long as announced', async () => {
    const bench = await ContractBench.open(open);
    bench.clock.set(2 * hours);
    await bench.request('ann', 'high');
    bench.clock.advance(10 * second);
    bench.clock.set(-2 * hours);
    // A worker asks for work, or a caller for the status.
    await bench.queue.channelStatus('default');
    const claim = await bench.claim();
    expect(bench.clock.now() - (claim.requestedAt ?? 0)).toBeGreaterThanOrEqual(0);
    await bench.queue.complete(claim, peerDown);
    const { oldestRequestAt = Number.POSITIVE_INFINITY } = await bench.queue.channelStatus('default');
    expect(bench.clock.now() - oldestRequestAt).toBeGreaterThanOrEqual(0);
    await bench.queue.close();
  });
}
