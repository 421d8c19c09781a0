import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseUserName } from '@dsyncd/core';
import { cpuSeconds, fill, median, withPair } from './rig.mjs';
import { row } from './row.mjs';

const run = promisify(execFile);
const loader = fileURLToPath(new URL('http-load.mjs', import.meta.url));

async function load(host, count, users, connections) {
  const { port } = new URL(host.http.url);
  const args = [loader, port, host.http.token, count, users, connections].map(String);
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout);
}

const call = (host, path, body) =>
  fetch(`${host.http.url}${path}`, {
    headers: { authorization: `Bearer ${host.http.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });

/** Durable answers for single users, while users with mail are synced without a pause. */
export async function measureNotify(pick) {
  const requests = pick(60_000, 500);
  return await withPair(
    ['replication_max_conns = 2'],
    async ({ a, b }) => {
      const store = a.openStore();
      for (let index = 0; index < 50; index++) {
        const mail = await store.open(parseUserName(`user${String(index).padStart(7, '0')}@example.com`), {
          create: true,
        });
        await fill(mail, await mail.mailboxByPath(['INBOX']), 3, 1000);
        await mail.close();
      }
      await store.close();
      await a.start();
      await b.startProgram('dsync-server');
      const dsyncd = a.program('dsyncd');
      const syncs = () => dsyncd.lines.filter((line) => line.includes('"outcome":"ok"')).length;
      await load(a, pick(5_000, 100), 50, 32);
      const syncsBefore = syncs();
      const cpuBefore = cpuSeconds([a]);
      const { seconds, p99Ms } = await load(a, requests, 50, 32);
      const cpu = cpuSeconds([a]) - cpuBefore;
      const syncsPerSecond = (syncs() - syncsBefore) / seconds;
      const fresh = await load(a, requests, requests, 32);
      return [
        row('POST /v1/notify of one user, durable, beside running syncs', requests / seconds, 'requests/s', {
          target: 5_000,
          isBetterHigh: true,
        }),
        row('the slowest in a hundred of them', p99Ms, 'ms'),
        row('processor time of dsyncd meanwhile, syncs and writing threads included', cpu / seconds, 'cores'),
        row('syncs that ran meanwhile', syncsPerSecond, 'syncs/s'),
        row(
          `the same for ${requests.toLocaleString('en-US')} users not known before, each a row on disk`,
          requests / fresh.seconds,
          'requests/s',
          {
            target: 5_000,
            isBetterHigh: true,
          },
        ),
        row('the slowest in a hundred of these', fresh.p99Ms, 'ms'),
      ];
    },
    { hasHttp: true },
  );
}

/** The peer is not there: all users are behind in the end. */
export async function measureStatusPage(pick) {
  const users = pick(1_000_000, 2_000);
  return await withPair(
    ['replication_max_conns = 1', 'replication_full_sync_interval = "365d"'],
    async ({ a }) => {
      await a.startProgram('dsyncd');
      for (let from = 0; from < users; from += 1000) {
        const names = Array.from({ length: 1000 }, (_, index) => `user${from + index}@example.com`);
        const { status } = await call(a, '/v1/notify', { users: names });
        if (status !== 202) throw new Error(`notify answered ${status}`);
      }
      const times = { '/v1/status': [], '/metrics': [], '/failover': [] };
      for (let round = 0; round < pick(30, 2); round++)
        for (const [path, list] of Object.entries(times)) {
          const startedAt = performance.now();
          await (await call(a, path)).text();
          list.push(performance.now() - startedAt);
        }
      const of = (path) => median(times[path]);
      return [
        row(
          `status page with ${users.toLocaleString('en-US')} users, all of them behind`,
          of('/v1/status'),
          'ms',
          { target: 10 },
        ),
        row('/failover of the same', of('/failover'), 'ms'),
        row('/metrics of the same', of('/metrics'), 'ms'),
      ];
    },
    { hasHttp: true },
  );
}
