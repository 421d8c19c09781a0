import { parseUserName } from '@dsyncd/core';
import { runAdm } from './adm.mjs';
import { cpuSeconds, fill, withPair } from './rig.mjs';
import { row } from './row.mjs';

const users = 1000;

/** Incremental syncs of users whose mail has not changed, 10 at once. */
export async function measureNoChange() {
  return await withPair(['replication_max_conns = 10'], async ({ a, b }) => {
    const store = a.openStore();
    for (let index = 0; index < users; index++) {
      const mail = await store.open(parseUserName(`u${index}@example.com`), { create: true });
      const inbox = await mail.mailboxByPath(['INBOX']);
      await fill(mail, inbox, 3, 1000);
      await mail.close();
    }
    await store.close();
    await a.start();
    await b.start();
    await syncAll(a, true);
    // Twice: the first incremental sync may still have something to tell.
    await syncAll(a, false);
    const cpuBefore = cpuSeconds([a, b]);
    const seconds = Math.min(await syncAll(a, false), await syncAll(a, false));
    const cpuMs = ((cpuSeconds([a, b]) - cpuBefore) * 1000) / (2 * users);
    return [
      row('incremental syncs with nothing to do, TLS, 10 connections', users / seconds, 'users/s', {
        target: 700,
        isBetterHigh: true,
        reference: 'Dovecot 67-79',
      }),
      row('processor time of such a sync, both hosts together', cpuMs, 'ms'),
    ];
  });
}

/** Asks for a sync of every user and waits until all are done; answers seconds. */
export async function syncAll(host, isFull) {
  const dsyncd = host.program('dsyncd');
  const before = dsyncd.log.filter(({ outcome }) => outcome !== undefined).length;
  const startedAt = performance.now();
  await runAdm(host, ['replicator', 'replicate', ...(isFull ? ['-f'] : []), '*']);
  let seen = 0;
  let from = 0;
  while (seen < users) {
    await dsyncd.waitForLog(() => true, dsyncd.lines.length);
    const lines = dsyncd.lines;
    seen = 0;
    for (from = lines.length - 1; from >= 0; from--) if (lines[from].includes('"outcome":')) seen++;
    seen -= before;
  }
  return (performance.now() - startedAt) / 1000;
}
