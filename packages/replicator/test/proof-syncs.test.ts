import { silentLogger } from '@dsyncd/core';
import { noCounts, type SyncResult } from '@dsyncd/engine';
import type { Claim } from '@dsyncd/queue';
import { describe, expect, test } from 'vitest';
import { ProofSyncs } from '../src/index.ts';
import { ann, ReplicatorBench } from './replicator-bench.ts';

const resultOf = (proofAfterMs?: number): SyncResult => ({
  ...{ outcome: 'ok', full: false, counts: noCounts, conflicts: [], notes: [] },
  ...(proofAfterMs === undefined ? {} : { proofAfterMs }),
});

async function start(): Promise<{
  bench: ReplicatorBench;
  proofs: ProofSyncs;
  next: () => Promise<Claim['type'] | undefined>;
}> {
  const bench = new ReplicatorBench();
  const proofs = new ProofSyncs({ queue: bench.queue, clock: bench.clock, logger: silentLogger });
  await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
  await bench.sync();
  const next = async (): Promise<Claim['type'] | undefined> => {
    await Promise.resolve();
    const claim = await bench.claim().catch(() => undefined);
    if (claim !== undefined)
      await bench.queue.complete(claim, { outcome: 'ok', full: claim.type === 'full', state: 's' });
    return claim?.type;
  };
  return { bench, proofs, next };
}

const claim = { user: ann, channel: 'default' } as Claim;

describe('a full sync that proves both sides equal', () => {
  test('comes when the user was quiet, once', async () => {
    const { bench, proofs, next } = await start();
    proofs.ended({ claim, result: resultOf(1_000) });
    bench.clock.advance(900);
    proofs.ended({ claim, result: resultOf(1_000) });
    bench.clock.advance(900);
    expect(await next()).toBeUndefined();
    bench.clock.advance(100);
    expect(await next()).toBe('full');
    bench.clock.advance(60_000);
    expect(await next()).toBeUndefined();
  });

  test('comes for one who is never quiet, too', async () => {
    const { bench, proofs, next } = await start();
    for (let turn = 0; turn <= 20; turn++) {
      proofs.ended({ claim, result: resultOf(1_000) });
      bench.clock.advance(500);
    }
    expect(await next()).toBe('full');
  });

  test('does not come where a sync proved it meanwhile, nor after the end', async () => {
    const { bench, proofs, next } = await start();
    proofs.ended({ claim, result: resultOf(1_000) });
    proofs.ended({ claim, result: resultOf() });
    bench.clock.advance(60_000);
    expect(await next()).toBeUndefined();
    proofs.ended({ claim, result: resultOf(1_000) });
    proofs.stop();
    bench.clock.advance(60_000);
    expect(await next()).toBeUndefined();
  });
});
