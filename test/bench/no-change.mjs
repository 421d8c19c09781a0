import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import { until } from '@dsyncd/testkit';
import { ReplicatorSocket } from './replicator-socket.mjs';
import { cpuSeconds, fill, loopDelayP99Ms, withPair } from './rig.mjs';
import { row } from './row.mjs';

/** Incremental syncs of users whose mail has not changed, 10 at once. */
export async function measureNoChange(pick) {
  const users = pick(1000, 10);
  return await withPair(
    ['replication_max_conns = 10'],
    async ({ a, b }) => {
      const store = a.openStore();
      for (let index = 0; index < users; index++) {
        const mail = await store.open(parseUserName(`u${index}@example.com`), { create: true });
        const inbox = await mail.mailboxByPath(['INBOX']);
        await fill(mail, inbox, 3, 1000);
        await mail.close();
      }
      await store.close();
      // First the one without mail: the other begins its first syncs at once.
      await b.start();
      await a.start();
      const replicator = await ReplicatorSocket.connect(join(a.baseDir, 'replicator-doveadm'));
      await until(
        'every user is known',
        async () => (await replicator.replicate({ isFull: true })) === users,
      );
      await replicator.untilIdle();
      // Twice: the first incremental sync may still have something to tell.
      await syncAll(replicator);
      await loopDelayP99Ms(a);
      const cpuBefore = cpuSeconds([a, b]);
      const seconds = Math.min(await syncAll(replicator), await syncAll(replicator));
      const cpuMs = ((cpuSeconds([a, b]) - cpuBefore) * 1000) / (2 * users);
      const delayMs = await loopDelayP99Ms(a);
      replicator.close();
      return [
        row('incremental syncs with nothing to do, TLS, 10 connections', users / seconds, 'users/s', {
          target: 700,
          isBetterHigh: true,
          reference: 'Dovecot 67-79',
        }),
        row('processor time of such a sync, both hosts together', cpuMs, 'ms'),
        row('event loop of dsyncd late meanwhile, p99', delayMs, 'ms'),
      ];
    },
    { hasHttp: true },
  );
}

/** Syncs every user once; answers seconds. */
async function syncAll(replicator) {
  const startedAt = performance.now();
  await replicator.replicate({ isFull: false });
  await replicator.untilIdle();
  return (performance.now() - startedAt) / 1000;
}
