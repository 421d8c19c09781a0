import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runAdm } from './adm.mjs';
import { loopDelayP99Ms, rssMb, withPair } from './rig.mjs';
import { row } from './row.mjs';

const writer = fileURLToPath(new URL('notify-writer.mjs', import.meta.url));

/** Writes notification lines to the unix socket and answers seconds until all are durable. */
async function write(host, lines, users) {
  const child = spawn(
    process.execPath,
    [writer, join(host.baseDir, 'replication-notify'), String(lines), String(users)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return Number(text);
}

/** dsyncd alone: the peer is not there, so what is measured is the intake and not syncs. */
const alone = ['replication_max_conns = 1', 'replication_full_sync_interval = "365d"'];

export async function measureIntake(pick) {
  const users = pick(100_000, 2_000);
  return await withPair(
    alone,
    async ({ a }) => {
      await a.startProgram('dsyncd');
      const first = await write(a, users, users);
      await loopDelayP99Ms(a);
      const lines = pick(3_000_000, 20_000);
      const seconds = Math.min(await write(a, lines, users), await write(a, lines, users));
      const delayMs = await loopDelayP99Ms(a);
      const known = users.toLocaleString('en-US');
      return [
        row(
          `notification lines from one unix socket into ${known} known users, durable`,
          lines / seconds,
          'lines/s',
          {
            target: 1_000_000,
            isBetterHigh: true,
            reference: 'Dovecot 1.7 M, in memory only',
          },
        ),
        row('event loop of dsyncd late meanwhile, p99', delayMs, 'ms'),
        row(`the same for ${known} users not known before`, users / first, 'lines/s'),
      ];
    },
    { hasHttp: true },
  );
}

export async function measureMemory(pick) {
  const users = pick(1_000_000, 2_000);
  const known = users.toLocaleString('en-US');
  return await withPair(alone, async ({ a }) => {
    await a.startProgram('dsyncd');
    const dsyncd = a.program('dsyncd');
    await write(a, users, users);
    const afterIntake = rssMb(dsyncd.pid);
    await dsyncd.end('SIGTERM');
    const startedAt = performance.now();
    await a.startProgram('dsyncd');
    const startSeconds = (performance.now() - startedAt) / 1000;
    await runAdm(a, ['replicator', 'status']);
    return [
      row(`memory with ${known} known users, just started`, rssMb(dsyncd.pid), 'MB', {
        target: 300,
        reference: 'Dovecot 150',
      }),
      row(`memory after taking ${known} new users in`, afterIntake, 'MB', { target: 300 }),
      row(`start with ${known} known users`, startSeconds, 's'),
    ];
  });
}
