import { noCounts } from '@dsyncd/core';
import { expect, it } from 'vitest';
import { ApiBench, ann, bob, broken } from './api-bench.ts';

it('full syncs are counted by what they proved, and users by how long ago that was', async () => {
  const day = 86_400_000;
  let now = 1_790_000_000_000;
  const clock = { now: () => now, elapsed: () => now, sleep: async () => {}, after: () => () => {} };
  const bench = await ApiBench.start({ clock });
  const talked = { ...noCounts, bytesReceived: 100, bytesSent: 100 };
  await bench.sync(ann, { counts: { ...talked, mailsSent: 7 } });
  const repair = async (mailsSent: number): Promise<void> => {
    now += day;
    await bench.end(await bench.claim(), { counts: { ...talked, mailsSent } });
  };
  await repair(0);
  await repair(1);
  await bench.queue.replicate('default', ann, { priority: 'low', full: true });
  await bench.end(await bench.claim(), { counts: { ...talked, mailsSent: 1 } });
  await bench.queue.replicate('default', ann, { priority: 'low', full: true });
  await bench.end(await bench.claim(), { ...broken, counts: talked });
  await bench.queue.add('default', [bob]);
  now += 1.5 * day;
  const { text } = await bench.call('/metrics');
  for (const line of [
    'dsyncd_verifications_total{channel="default",result="first"} 1',
    'dsyncd_verifications_total{channel="default",result="equal"} 1',
    'dsyncd_verifications_total{channel="default",result="repaired"} 1',
    'dsyncd_verifications_total{channel="default",result="changed"} 1',
    'dsyncd_verifications_total{channel="default",result="failed"} 1',
    'dsyncd_verification_interval_seconds_count{channel="default"} 3',
    'dsyncd_oldest_verification_seconds{channel="default"} 129600',
    'dsyncd_users_unverified{channel="default",longer_than="86400"} 2',
    'dsyncd_users_unverified{channel="default",longer_than="172800"} 1',
  ])
    expect(text).toContain(`${line}\n`);
});
