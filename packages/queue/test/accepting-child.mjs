// Requests syncs for ever and prints each user once the request is accepted; run with a queue file, to be killed.
import { silentLogger, systemClock, systemRandom } from '@dsyncd/core';
import { openSqliteQueue } from '../src/index.ts';

const queue = await openSqliteQueue({
  file: process.argv[2],
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  settings: { channels: ['default'], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
});
const never = new AbortController().signal;
await queue.request('default', [{ user: 'running', priority: 'high' }]);
await queue.claim(never);
await queue.request('default', [{ user: 'done', priority: 'high' }]);
const done = await queue.claim(never);
await queue.request('default', [{ user: 'done', priority: 'low' }]);
await queue.complete(done, { outcome: 'ok', full: true, state: 'state of done' });
process.stdout.write('running high\ndone low\n');

async function acceptSingles() {
  for (let count = 0; ; count++) {
    await queue.request('default', [{ user: `single${count}`, priority: 'low' }]);
    process.stdout.write(`single${count} low\n`);
  }
}

async function acceptBlocks() {
  for (let block = 0; ; block++) {
    const names = Array.from({ length: 100 }, (_, index) => `many${(block * 37 + index) % 5000}`);
    const priority = 1 + (block % 2);
    await queue.requestMany({ channels: ['default'], names, priorities: new Uint8Array(100).fill(priority) });
    process.stdout.write(names.map((name) => `${name} ${priority === 1 ? 'low' : 'high'}\n`).join(''));
  }
}
await Promise.all([acceptSingles(), acceptBlocks()]);
