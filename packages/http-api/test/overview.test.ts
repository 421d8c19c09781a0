import { describe, expect, it } from 'vitest';
import { ApiBench, ann, bob, broken } from './api-bench.ts';

describe('GET /v1/status', () => {
  it('shows host, workers and channels at a glance', async () => {
    const bench = await ApiBench.start();
    await bench.sync('carl@example.com');
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.queue.request('offsite', [{ user: bob, priority: 'sync' }]);
    const running = await bench.claim();
    const { status, body } = await bench.call('/v1/status');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      hostname: 'mx1.example.com',
      version: '1.2.3',
      ready: true,
      users: 2,
      usersBehind: 2,
      workers: { running: 1, max: 3 },
    });
    expect(body.channels).toMatchObject([
      {
        channel: 'default',
        replica: 'tcps:mx2.example.com',
        paused: false,
        users: 2,
        replicated: false,
        queued: { high: running.channel === 'default' ? 0 : 1 },
        breaker: { state: 'closed', consecutiveFailures: 0 },
      },
      { channel: 'offsite', users: 1 },
    ]);
    expect((await bench.call('/v1/workers')).body).toMatchObject({
      max: 3,
      running: [{ channel: running.channel, user: running.user, type: 'full', priority: running.priority }],
    });
  });
});

describe('GET /v1/channels', () => {
  it('shows all, or one', async () => {
    const bench = await ApiBench.start();
    expect((await bench.call('/v1/channels')).body.channels).toHaveLength(2);
    expect((await bench.call('/v1/channels/offsite')).body).toMatchObject({ channel: 'offsite', users: 0 });
    const missing = await bench.call('/v1/channels/nowhere');
    expect(missing.status).toBe(404);
    expect(missing.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(missing.body).toMatchObject({
      code: 'DSYNCD_QUEUE_CHANNEL',
      hint: expect.stringContaining('channels'),
    });
  });
});

describe('health', () => {
  it('refuses a failover while something is wrong with the host, and tells strangers no path of it', async () => {
    const problem = {
      check: 'state-dir',
      message: 'EACCES: /var/mail/ann',
      remedy: 'let dsyncd write there',
    };
    let problems = [problem];
    const bench = await ApiBench.start({ problems: () => problems });
    for (const channel of ['default', 'offsite']) await bench.sync(ann, undefined, channel);
    const refused = await bench.call('/failover', { token: '' });
    expect(refused).toMatchObject({
      status: 503,
      body: { reasons: ['this host: the check "state-dir" fails; see dsyncadm status on it'] },
    });
    expect(refused.text).not.toContain('/var/mail');
    expect((await bench.call('/v1/status')).body).toMatchObject({ problems: [problem] });
    problems = [];
    expect((await bench.call('/failover', { token: '' })).status).toBe(200);
  });

  it('is alive, and ready when it says so', async () => {
    let isReady = false;
    const bench = await ApiBench.start({ isReady: () => isReady });
    expect((await bench.call('/healthz', { token: '' })).status).toBe(200);
    expect((await bench.call('/readyz', { token: '' })).status).toBe(503);
    isReady = true;
    expect((await bench.call('/readyz', { token: '' })).status).toBe(200);
  });

  it('agrees to a failover only when everybody is on the replica', async () => {
    let now = 1_790_000_000_000;
    const clock = { now: () => now, elapsed: () => now, sleep: async () => {}, after: () => () => {} };
    const bench = await ApiBench.start({ clock });
    const failover = async (query = '') => bench.call(`/failover${query}`, { token: '' });
    expect(await failover(), 'nobody is known').toMatchObject({ status: 503, body: { usersBehind: 0 } });
    await bench.sync(ann, undefined, 'offsite');
    await bench.queue.add('default', [ann]);
    expect(await failover()).toMatchObject({ status: 503, body: { ready: false, usersNeverSynced: 1 } });
    await bench.sync(ann);
    expect((await failover()).status).toBe(200);
    await bench.queue.request('default', [{ user: ann, priority: 'low' }]);
    now += 60_000;
    expect(await failover(), 'not beyond the limit').toMatchObject({
      status: 200,
      body: { usersBehind: 0, oldestLagSeconds: 60, maxLagSeconds: 60 },
    });
    now += 1;
    expect(await failover()).toMatchObject({
      status: 503,
      body: { ready: false, usersBehind: 1, usersNeverSynced: 0, oldestLagSeconds: 60.001 },
    });
    expect((await failover('?max_lag=61')).status).toBe(200);
    expect((await failover('?max_lag=61&channel=default')).status).toBe(200);
    expect((await failover('?max_lag=1&channel=offsite')).status).toBe(200);
    expect((await failover('?channel=nowhere')).status).toBe(404);
    expect((await failover('?max_lag=soon')).status).toBe(400);
    expect((await failover('?maxlag=1')).body.detail).toMatch(/unknown fields: "maxlag"/);
  });
});

describe('GET /metrics', () => {
  it('has the channels and what came by which way', async () => {
    const bench = await ApiBench.start();
    await bench.sync(ann, broken);
    await bench.post('/v1/notify', { users: ['x', 'y'] });
    const { headers, text } = await bench.call('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('dsyncd_queue_users{channel="default",state="quarantined"} 1');
    expect(text).toContain('dsyncd_syncs_total{channel="default",type="full",outcome="operator"} 1');
    expect(text).toContain('dsyncd_notifications_total{source="fifo"} 7');
    expect(text).toContain('dsyncd_notifications_total{source="http"} 2');
    expect(text).toContain('dsyncd_http_connections 1');
    expect(text).toMatch(/nodejs_eventloop_lag_p99_seconds/);
    expect(text).not.toContain('ann@example.com');
  });
});
