// A replicator without mail: workers that take users off the queue, hold a lock file for a moment, and say so.
// Arguments: Redis URL, folder of lock files, workers, milliseconds a sync takes (`hang`: it never ends by
// itself), lease in milliseconds, backend. Lines on standard output: READY, START user, END user, OVERLAP user, WARN text.
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger, systemRandom } from '@dsyncd/core';
import { openRedisQueue } from '@dsyncd/queue-redis';

const [url, folder, workers, syncMs, leaseMs, backend] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${line}\n`);

const queue = await openRedisQueue({
  url,
  backend,
  random: systemRandom,
  logger: { ...silentLogger, warn: (_fields, message) => say(`WARN ${Date.now()} ${message}`) },
  settings: {
    channels: ['default', 'other'],
    fullSyncIntervalMs: 86_400_000,
    failureResyncIntervalMs: 300_000,
  },
  leaseMs: Number(leaseMs),
});
say('READY');

/** Held by a process that is dead counts as free: that is what a lock of the kernel would be. */
function lock(file) {
  // Whoever is killed must not leave an empty file, which says nothing of its holder.
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, file);
    return true;
  } catch {
    if (isAlive(file)) return false;
    writeFileSync(file, String(process.pid));
    return true;
  } finally {
    rmSync(mine, { force: true });
  }
}

function isAlive(file) {
  try {
    return process.kill(Number(readFileSync(file, 'utf8')), 0);
  } catch {
    return false;
  }
}

let syncCount = 0;

async function work() {
  for (;;) {
    const claim = await queue.claim(new AbortController().signal);
    if (claim === undefined) return;
    const file = join(folder, claim.user);
    if (!lock(file)) say(`OVERLAP ${claim.user}`);
    say(`START ${claim.user} ${claim.channel} ${claim.type} ${claim.state ?? '-'} ${Date.now()}`);
    if (syncMs === 'hang') await new Promise((resume) => process.once('SIGUSR2', resume));
    // Long and short syncs in turn, so that they overlap differently each time.
    else await sleep(Number(syncMs) * ((++syncCount * 7) % 10) * 0.2);
    rmSync(file, { force: true });
    await queue.complete(claim, { outcome: 'ok', full: true, state: String(process.pid) });
    say(`END ${claim.user} ${claim.channel}`);
  }
}
for (let index = 0; index < Number(workers); index++) void work();
