import { watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import { LmtpClient, percentile } from '@dsyncd/testkit';
import { cpuSeconds, makeMail, withPair } from './rig.mjs';
import { row } from './row.mjs';

/** One mail by LMTP on A until its file stands in B's mailbox. */
export async function measureDelivery(pick) {
  const mails = pick(200, 5);
  // Programs that have run for a while: by then their code is compiled.
  const warm = pick(300, 2);
  return await withPair([], async ({ a, b }) => {
    // First the one without mail: the other begins its first syncs at once.
    await b.start();
    await a.start();
    const user = parseUserName('anna@example.com');
    const folder = join(b.folder, 'mail', user, 'Maildir', 'cur');
    const client = await LmtpClient.connect(a.lmtpPath);
    await client.deliver([user], makeMail(0, 4096));
    await mkdir(folder, { recursive: true });
    const latenciesMs = [];
    let onFile = () => {};
    const watcher = watch(folder, (_, name) => {
      if (name !== null) onFile(name);
    });
    const dsyncd = a.program('dsyncd');
    let cpuBefore = 0;
    for (let number = -warm; number < mails; number++) {
      if (number === 0) cpuBefore = cpuSeconds([a, b]);
      const arrived = new Promise((resolve) => {
        onFile = resolve;
      });
      const seen = dsyncd.lines.length;
      const startedAt = performance.now();
      await client.deliver([user], makeMail(number + 1000, 4096));
      await arrived;
      if (number >= 0) latenciesMs.push(performance.now() - startedAt);
      onFile = () => {};
      // Each delivery starts from rest.
      await dsyncd.waitForLog((line) => line.includes('"outcome":'), seen);
    }
    watcher.close();
    client.close();
    const cpuMs = ((cpuSeconds([a, b]) - cpuBefore) * 1000) / mails;
    const reference = 'Dovecot 30, Cyrus rightnow 7';
    return [
      row('delivery until it is on the other disk, p50', percentile(latenciesMs, 0.5), 'ms', {
        target: 10,
        reference,
      }),
      row('delivery until it is on the other disk, p95', percentile(latenciesMs, 0.95), 'ms'),
      row('processor time of a delivery and its sync, both hosts together', cpuMs, 'ms'),
    ];
  });
}
