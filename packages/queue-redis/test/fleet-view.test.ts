import { hostname } from 'node:os';
import { type BackendStatus, parseUserName } from '@dsyncd/core';
import { until } from '@dsyncd/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openFleet, type RedisFleet } from '../src/index.ts';
import { nextClaim, Place, scratchFolder } from './place.ts';
import { leaseMs, Replicator } from './replicator.ts';

const ann = parseUserName('ann@example.com');
const bob = parseUserName('bob@example.com');

function view(url: string, prefix?: string): RedisFleet {
  const fleet = openFleet({ url, prefix });
  onTestFinished(() => fleet.close());
  return fleet;
}

async function backendOf(fleet: RedisFleet, name: string): Promise<BackendStatus> {
  const found = (await fleet.backends()).find(({ backend }) => backend === name);
  if (found === undefined) throw new Error(`no backend ${name}`);
  return found;
}

describe('the fleet', () => {
  it('shows every backend with its channels and its replicators, and who of them runs what', async () => {
    const place = await Place.make();
    const mail = await place.open({ hostname: 'mx1.example.com' });
    await place.open({ hostname: 'mx2.example.com' });
    const web = await place.open({ backend: 'archive', hostname: 'mx9.example.com' });
    await mail.request('default', [
      { user: ann, priority: 'high' },
      { user: bob, priority: 'low' },
    ]);
    await mail.pause('other');
    const broken = await (async () => {
      await web.request('other', [{ user: bob, priority: 'sync' }]);
      const claim = await nextClaim(web);
      const failure = { code: 'DSYNCD_CERT', reason: 'expired' };
      await web.complete(claim, { outcome: 'operator', full: false, failure });
      return claim;
    })();
    expect(broken.user).toBe(bob);
    const running = await nextClaim(mail);
    const now = Date.now();
    const backends = await view(place.server.url).backends();
    expect(backends).toMatchObject([
      {
        backend: 'archive',
        replicators: [{ hostname: 'mx9.example.com', running: 0 }],
        channels: [
          { channel: 'default', users: 0, usersBehind: 0 },
          { channel: 'other', users: 1, usersBehind: 1, quarantined: 1, breaker: { state: 'closed' } },
        ],
      },
      {
        backend: 'mail',
        replicators: [
          { hostname: 'mx1.example.com', pid: process.pid, alive: true, running: 1 },
          { hostname: 'mx2.example.com', pid: process.pid, alive: true, running: 0 },
        ],
        channels: [
          { channel: 'default', users: 2, usersBehind: 2, running: 1, queuedLow: 1, queuedHigh: 0 },
          { channel: 'other', users: 0, paused: true, oldestRequestAt: undefined },
        ],
      },
    ]);
    expect(running.user).toBe(ann);
    for (const { seenAt, replicators } of backends)
      for (const each of replicators) {
        expect(Math.abs(now - seenAt)).toBeLessThan(5_000);
        expect(Math.abs(now - each.seenAt)).toBeLessThan(5_000);
        expect(each.startedAt).toBeLessThanOrEqual(now);
      }
    expect(await view(place.server.url, 'another').backends()).toEqual([]);
  });

  it('says the same of a channel as its own queue does', async () => {
    const place = await Place.make();
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    await queue.add('default', [bob]);
    const { usersBehind, ...status } = (await backendOf(view(place.server.url), 'mail')).channels[0] ?? {};
    expect(status).toEqual(await queue.channelStatus('default'));
    expect(usersBehind).toBe(1);
  });

  it('shows a replicator that was killed as silent, then no more; the backend stays', async () => {
    const place = await Place.make();
    const fleet = view(place.server.url);
    const locks = scratchFolder();
    const victim = await Replicator.start(place.server.url, locks, 1, 'hang', 'mail');
    const queue = await place.open({ backend: 'archive' });
    const survivor = await Replicator.start(place.server.url, locks, 1, 'hang', 'archive');
    expect(await backendOf(fleet, 'mail')).toMatchObject({
      replicators: [{ hostname: hostname(), pid: victim.pid, alive: true }],
    });
    expect((await backendOf(fleet, 'archive')).replicators).toHaveLength(2);
    await victim.end('SIGKILL');
    // Nobody is there to bury it: who looks has to see that.
    await until('it is silent', async () => {
      const { replicators } = await backendOf(fleet, 'mail');
      return replicators[0]?.alive === false;
    });
    await survivor.end('SIGKILL');
    await until('the other one has buried it', async () => {
      const { replicators } = await backendOf(fleet, 'archive');
      return replicators.length === 1 && replicators[0]?.alive === true;
    });
    const heir = await Replicator.start(place.server.url, locks, 1, 'hang', 'mail');
    await until('the heir alone is there', async () => {
      const { replicators } = await backendOf(fleet, 'mail');
      return replicators.length === 1 && replicators[0]?.pid === heir.pid;
    });
    await queue.close();
    expect(await backendOf(fleet, 'archive'), 'one that ends in order is gone at once').toMatchObject({
      replicators: [],
      channels: [{ channel: 'default' }, { channel: 'other' }],
    });
  });

  it('follows beats: a living replicator stays alive over many leases', async () => {
    const place = await Place.make();
    const fleet = view(place.server.url);
    await place.open({ leaseMs });
    const { seenAt } = await backendOf(fleet, 'mail');
    await until(
      'it was heard of again',
      async () => (await backendOf(fleet, 'mail')).seenAt > seenAt + leaseMs,
    );
    expect((await backendOf(fleet, 'mail')).replicators).toMatchObject([{ alive: true }]);
  });

  it('forgets a backend whose keys were deleted, and one that was silent for a month', async () => {
    const place = await Place.make();
    const fleet = view(place.server.url);
    const old = await place.open({ backend: 'old' });
    const deleted = await place.open({ backend: 'deleted' });
    await old.close();
    await deleted.close();
    place.server.cli('DEL', 'dsyncd:{deleted}:meta');
    expect((await fleet.backends()).map(({ backend }) => backend)).toEqual(['old']);
    place.server.cli('ZADD', 'dsyncd:backends', String(Date.now() - 31 * 86_400_000), 'old');
    await place.open();
    expect((await fleet.backends()).map(({ backend }) => backend)).toEqual(['mail']);
  });

  it('shows itself again after Redis has come back empty', async () => {
    const place = await Place.make();
    const fleet = view(place.server.url);
    await place.open();
    place.server.cli('FLUSHALL');
    expect(await fleet.backends()).toEqual([]);
    await until('it is there again', async () => {
      const [backend] = await fleet.backends();
      return backend?.replicators[0]?.alive === true;
    });
  });

  it('is no condition of the queue: a foreign key in its place stops the look, not the work', async () => {
    const place = await Place.make();
    place.server.cli('SET', 'dsyncd:backends', 'x');
    const queue = await place.open();
    expect(place.log.join()).toContain('cannot be shown in the fleet');
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    expect((await nextClaim(queue)).user).toBe(ann);
    const look = view(place.server.url).backends();
    await expect(look).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_FOREIGN' });
  });

  it('tells why it cannot be seen', async () => {
    const place = await Place.make(['--requirepass', 'right-secret']);
    const password = { code: 'DSYNCD_QUEUE_REDIS_PASSWORD', outcome: 'operator' };
    await expect(view(place.server.url).backends()).rejects.toMatchObject(password);
    const wrong = openFleet({ url: place.server.url, password: 'wrong-secret' });
    onTestFinished(() => wrong.close());
    await expect(wrong.backends()).rejects.toMatchObject(password);
    const down = { code: 'DSYNCD_QUEUE_REDIS_DOWN', message: expect.stringContaining('ECONNREFUSED') };
    await expect(view('redis://127.0.0.1:1').backends()).rejects.toMatchObject(down);
  });
});
