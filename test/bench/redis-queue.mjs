import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPair, RedisServer, redisServerProgram } from '@dsyncd/testkit';
import { ensureDebianPackages, testPackages } from '../tooling/setup.mjs';
import { cpuSecondsOf, rssMb, withFolder } from './rig.mjs';
import { row } from './row.mjs';

const workerFile = fileURLToPath(new URL('redis-worker.mjs', import.meta.url));
const processes = 2;
const workersOfEach = 5;
const backend = 'a.example.com';

/** The queue on a real Redis, which writes every change to its append-only file and syncs that once a second. */
export async function measureRedisQueue(pick) {
  const wanted = Object.entries(testPackages).filter(([name]) => name.startsWith('redis-'));
  ensureDebianPackages(Object.fromEntries(wanted));
  if (!existsSync(redisServerProgram)) {
    process.stderr.write('  skipped: no redis-server, and it could not be installed\n');
    return [];
  }
  const rows = [];
  for (const users of [pick(100_000, 500), pick(1_000_000, 1_000)])
    rows.push(...(await measureUsers(users, pick(10_000, 200))));
  return rows;
}

const measureUsers = async (users, ms) =>
  await withFolder(async (folder) => {
    const redis = await RedisServer.start({
      folder: join(folder, 'redis'),
      args: ['--appendfsync', 'everysec'],
    });
    const children = [];
    const used = () => Number(/^used_memory:(\d+)/m.exec(redis.cli('INFO', 'memory'))[1]);
    try {
      const before = used();
      for (let index = 0; index < processes; index++) children.push(await startChild(redis.url));
      const fillSeconds = await timed(() =>
        together(children, (index) => ({
          ...{ task: 'fill', from: (index * users) / processes, to: ((index + 1) * users) / processes },
        })),
      );
      const bytes = used() - before;
      const cpuBefore = cpuSecondsOf(redis.pid);
      const counts = await together(children, () => ({ task: 'work', ms }));
      const jobs = counts.reduce((sum, count) => sum + count, 0);
      const redisCores = ((cpuSecondsOf(redis.pid) - cpuBefore) * 1000) / ms;
      await together(children, () => ({ task: 'close' }));
      const known = users.toLocaleString('en-US');
      return [
        row(
          `completed jobs on Redis with ${known} users, 10 workers in 2 processes, appendfsync everysec`,
          (jobs * 1000) / ms,
          'jobs/s',
          {
            target: 3_000,
            isBetterHigh: true,
          },
        ),
        row('cores that Redis used meanwhile', redisCores, 'cores'),
        row('users taken in, each with something to do', users / fillSeconds, 'users/s'),
        row('memory of Redis a user', bytes / users, 'bytes'),
        row(`memory of a dsyncd with ${known} users on Redis`, await replicatorMb(folder, redis.url), 'MB'),
      ];
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await redis.end('SIGKILL');
    }
  });

async function startChild(url) {
  const child = fork(workerFile, [url, backend, String(workersOfEach)]);
  await once(child, 'message');
  return child;
}

/** Gives each child its task at once; answers what they answer. */
const together = async (children, taskOf) =>
  await Promise.all(
    children.map(async (child, index) => {
      child.send(taskOf(index));
      const [{ value }] = await once(child, 'message');
      return value;
    }),
  );

async function timed(act) {
  const startedAt = performance.now();
  await act();
  return (performance.now() - startedAt) / 1000;
}

/** A real dsyncd whose peer is not there. */
async function replicatorMb(folder, url) {
  const { a } = await createPair({ folder, redis: [`url = ${JSON.stringify(url)}`] });
  try {
    await a.startProgram('dsyncd');
    await a.admin('replicator', 'status');
    return rssMb(a.program('dsyncd').pid);
  } finally {
    await a.stop();
  }
}
