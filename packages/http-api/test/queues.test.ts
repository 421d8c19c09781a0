import { silentLogger, systemClock, systemRandom } from '@dsyncd/core';
import { openFleet, openRedisQueue } from '@dsyncd/queue-redis';
import { openBoard } from '@dsyncd/queue-redis/board';
import { RedisServer } from '@dsyncd/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ApiBench, type Call, channels, scratchFolder, tokens } from './api-bench.ts';

interface FleetBench {
  readonly bench: ApiBench;
  readonly redis: RedisServer;
}

/** The API of a replicator whose queue is on a real Redis. */
async function startFleet(): Promise<FleetBench> {
  const redis = await RedisServer.start({ folder: scratchFolder() });
  onTestFinished(() => redis.end('SIGKILL'));
  const server = { url: redis.url };
  const queue = await openRedisQueue({
    ...server,
    backend: 'mail',
    hostname: 'mx1.example.com',
    clock: systemClock,
    random: systemRandom,
    settings: {
      channels: channels.map(({ name }) => name),
      fullSyncIntervalMs: 86_400_000,
      failureResyncIntervalMs: 300_000,
    },
  });
  const fleet = openFleet(server);
  onTestFinished(() => fleet.close());
  const board = async (path: string) => openBoard({ ...server, backend: 'mail', path, logger: silentLogger });
  return { bench: await ApiBench.start({ queue, fleet, board }), redis };
}

const asPassword = (token: string): Call => ({
  token: '',
  headers: { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}` },
});

describe('/queues', () => {
  it('asks a browser for the operate token, and lets nobody else in', async () => {
    const { bench } = await startFleet();
    expect(await bench.call('/queues', { token: '' })).toMatchObject({
      status: 302,
      headers: { location: '/queues/' },
    });
    const paths = [
      '/queues/',
      '/queues/api/queues',
      '/queues/queue/wake',
      '/queues/static/favicon-32x32.png',
    ];
    for (const path of paths) {
      const refused = await bench.call(path, { token: '' });
      expect(refused, path).toMatchObject({ status: 401, body: { code: 'DSYNCD_HTTP_TOKEN' } });
      expect(refused.headers['www-authenticate']).toMatch(/^Basic realm=/);
      expect((await bench.call(path, asPassword('not-a-token-of-ours'))).status).toBe(401);
      for (const token of [tokens.read, tokens.notify])
        expect((await bench.call(path, asPassword(token))).status, path).toBe(403);
      expect((await bench.call(path, asPassword(tokens.operate))).status, path).toBe(200);
    }
    const elsewhere = await bench.call('/v1/status', { token: '' });
    expect(elsewhere.headers['www-authenticate'], 'on that path alone').toMatch(/^Bearer/);
  });

  it('shows the queues of this backend, what is in them, and its own files alone', async () => {
    const { bench } = await startFleet();
    const page = await bench.call('/queues/');
    expect(page.headers).toMatchObject({
      'content-type': expect.stringContaining('text/html'),
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
    });
    expect(page.headers['content-security-policy']).toMatch(/default-src 'self'.*frame-ancestors 'none'/);
    expect(page.headers['content-security-policy']).not.toMatch(/script-src|unsafe-eval|https:/);
    expect(page.text).toContain('<base href="/queues/"');
    const script = /src="(static\/js\/main[^"]+)"/.exec(page.text)?.[1];
    expect((await bench.call(`/queues/${script}`)).headers['content-type']).toMatch(/javascript/);
    const { queues } = (await bench.call('/queues/api/queues?activeQueue=replicators&status=active')).body;
    expect(queues).toMatchObject([
      {
        name: 'replicators',
        readOnlyMode: true,
        allowRetries: false,
        counts: { active: 1 },
        jobs: [{ data: { hostname: 'mx1.example.com', pid: process.pid } }],
      },
      { name: 'wake', readOnlyMode: true },
    ]);
  });

  it('changes nothing, whoever asks', async () => {
    const { bench } = await startFleet();
    const changes = [
      ['PUT', '/queues/api/queues/replicators/clean/active'],
      ['PUT', '/queues/api/queues/replicators/pause'],
      ['PUT', '/queues/api/queues/pause'],
      ['PUT', '/queues/api/queues/replicators/obliterate'],
      ['POST', '/queues/api/queues/wake/add'],
    ] as const;
    for (const [method, path] of changes) {
      const refused = await bench.call(path, { method });
      expect(refused, path).toMatchObject({ status: 405, body: { code: 'DSYNCD_HTTP_READ_ONLY' } });
    }
    const { queues } = (await bench.call('/queues/api/queues')).body;
    expect(queues).toMatchObject([{ isPaused: false, counts: { active: 1 } }, { isPaused: false }]);
  });

  it('is not there with a queue of this host alone', async () => {
    const bench = await ApiBench.start();
    for (const path of ['/queues', '/queues/', '/queues/api/queues'])
      expect((await bench.call(path)).status).toBe(404);
  });

  it('says that Redis is away, not how it is programmed', async () => {
    const { bench, redis } = await startFleet();
    expect((await bench.call('/queues/api/queues')).status).toBe(200);
    await redis.end('SIGKILL');
    const answer = await bench.call('/queues/api/queues');
    expect(answer.status).toBe(500);
    expect(answer.body.error).toContain('does not answer');
    expect(answer.text).not.toMatch(/node_modules|\.js:/);
    expect(await bench.call('/v1/fleet')).toMatchObject({
      status: 503,
      body: { code: 'DSYNCD_QUEUE_REDIS_DOWN', hint: expect.stringContaining('start it') },
    });
  });
});

describe('GET /v1/fleet', () => {
  it('shows backends, replicators and channels of the Redis', async () => {
    const { bench } = await startFleet();
    await bench.queue.request('default', [{ user: 'ann@example.com' as never, priority: 'high' }]);
    const { status, body } = await bench.call('/v1/fleet', { token: tokens.read });
    expect(status).toBe(200);
    expect(body.backends).toMatchObject([
      {
        backend: 'mail',
        users: 1,
        usersBehind: 1,
        replicators: [{ hostname: 'mx1.example.com', pid: process.pid, alive: true, running: 0 }],
        channels: [{ channel: 'default', queued: { high: 1 }, breaker: { state: 'closed' } }, {}],
      },
    ]);
  });

  it('shows this host alone when the queue is its own', async () => {
    const bench = await ApiBench.start();
    await bench.queue.request('offsite', [{ user: 'ann@example.com' as never, priority: 'high' }]);
    await bench.claim();
    expect((await bench.call('/v1/fleet', { token: '' })).status).toBe(401);
    expect((await bench.call('/v1/fleet', { token: tokens.notify })).status).toBe(403);
    expect((await bench.call('/v1/fleet', { token: tokens.read })).body.backends).toMatchObject([
      {
        backend: 'mx1.example.com',
        usersBehind: 1,
        replicators: [{ hostname: 'mx1.example.com', pid: process.pid, alive: true, running: 1 }],
        channels: [
          { channel: 'default', users: 0 },
          { channel: 'offsite', users: 1, running: 1 },
        ],
      },
    ]);
  });
});
