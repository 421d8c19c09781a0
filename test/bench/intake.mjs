import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runAdm } from './adm.mjs';
import { withPair } from './rig.mjs';
import { row } from './row.mjs';

const writer = fileURLToPath(new URL('notify-writer.mjs', import.meta.url));

const rssMb = (pid) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

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

export async function measureIntake() {
  return await withPair(alone, async ({ a }) => {
    await a.startProgram('dsyncd');
    const first = await write(a, 100_000, 100_000);
    const lines = 3_000_000;
    const seconds = Math.min(await write(a, lines, 100_000), await write(a, lines, 100_000));
    return [
      row(
        'notification lines from one unix socket into 100,000 known users, durable',
        lines / seconds,
        'lines/s',
        {
          target: 1_000_000,
          isBetterHigh: true,
          reference: 'Dovecot 1.7 M, in memory only',
        },
      ),
      row('the same for 100,000 users not known before', 100_000 / first, 'lines/s'),
    ];
  });
}

export async function measureMemory() {
  return await withPair(alone, async ({ a }) => {
    await a.startProgram('dsyncd');
    const dsyncd = a.program('dsyncd');
    await write(a, 1_000_000, 1_000_000);
    const afterIntake = rssMb(dsyncd.pid);
    await dsyncd.end('SIGTERM');
    const startedAt = performance.now();
    await a.startProgram('dsyncd');
    const startSeconds = (performance.now() - startedAt) / 1000;
    await runAdm(a, ['replicator', 'status']);
    return [
      row('memory with 1,000,000 known users, just started', rssMb(dsyncd.pid), 'MB', {
        target: 300,
        reference: 'Dovecot 150',
      }),
      row('memory after taking 1,000,000 new users in', afterIntake, 'MB', { target: 300 }),
      row('start with 1,000,000 known users', startSeconds, 's'),
    ];
  });
}
