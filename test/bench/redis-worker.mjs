// A replicator without mail, the child of redis-queue.mjs: does what the parent asks for and answers with a message.
// Its own process, as replicators are. Arguments: Redis URL, backend, workers.
import { systemClock, systemRandom } from '@dsyncd/core';
import { openRedisQueue } from '@dsyncd/queue-redis';

const [url, backend, workers] = process.argv.slice(2);
const channel = 'default';
const queue = await openRedisQueue({
  url,
  backend,
  clock: systemClock,
  random: systemRandom,
  settings: { channels: [channel], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
});
/** As long as that of a user with a few mailboxes. */
const state = 'A'.repeat(200);

const tasks = {
  /** Makes the users known, each with something to do. */
  async fill({ from, to }) {
    for (let start = from; start < to; start += 10_000) {
      const names = Array.from(
        { length: Math.min(10_000, to - start) },
        (_, index) => `user${start + index}@example.com`,
      );
      await queue.requestMany({ channels: [channel], names, priorities: names.map(() => 1) });
    }
    return 0;
  },
  async close() {
    await queue.close();
    return 0;
  },
  /** Claims and completes for so many milliseconds; answers how many. */
  async work({ ms }) {
    const signal = AbortSignal.timeout(ms);
    let count = 0;
    const work = async () => {
      while (!signal.aborted) {
        const claim = await queue.claim(signal);
        if (claim === undefined) return;
        await queue.complete(claim, { outcome: 'ok', full: true, state });
        count++;
      }
    };
    await Promise.all(Array.from({ length: Number(workers) }, work));
    return count;
  },
};

process.on('message', async ({ task, ...input }) => {
  process.send({ value: await tasks[task](input) });
});
process.send({ value: 'ready' });
