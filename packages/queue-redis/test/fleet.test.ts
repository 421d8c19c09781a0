import { parseUserName } from '@dsyncd/core';
import { seededRandom, until } from '@dsyncd/testkit';
import { describe, expect, it } from 'vitest';
import { claimNow, nextClaim, Place, scratchFolder, usersOf } from './place.ts';
import { leaseMs, Replicator } from './replicator.ts';

const ann = parseUserName('ann@example.com');

describe('replicators that share a queue', () => {
  it('take over what one of them held when it is killed with kill -9', async () => {
    const place = await Place.make();
    const locks = scratchFolder();
    const queue = await place.open();
    const first = await Replicator.start(place.server.url, locks, 1, 'hang');
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    await first.says(/^START ann/);
    const second = await Replicator.start(place.server.url, locks, 2, 1);
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    await queue.request('other', [{ user: ann, priority: 'high' }]);
    // The holder lives, and is believed for many leases: its user is not given to anyone.
    const looksAt = Date.now() + 3 * leaseMs;
    await until('three leases are over', () => Date.now() >= looksAt);
    expect(second.count(/^START/)).toBe(0);
    await first.end('SIGKILL');
    const killedAt = Date.now();
    await second.says(/^END ann@example.com default/);
    expect(Date.now() - killedAt).toBeLessThan(6 * leaseMs);
    await second.says(/^END ann@example.com other/);
    expect(second.count(/^OVERLAP/)).toBe(0);
    await until('nothing waits', async () => (await usersOf(queue)).get(ann)?.requestedAt === undefined);
    await until('nothing runs', () => queue.running().length === 0);
  });

  it('refuse the late outcome of one that slept through its lease, and let it work on', async () => {
    const place = await Place.make();
    const locks = scratchFolder();
    const queue = await place.open({ leaseMs });
    const sleeper = await Replicator.start(place.server.url, locks, 1, 'hang');
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    await sleeper.says(/^START ann/);
    sleeper.signal('SIGSTOP');
    const claim = await nextClaim(queue);
    expect(claim).toMatchObject({ user: ann, priority: 'high' });
    await queue.complete(claim, { outcome: 'ok', full: true, state: 'of the second' });
    sleeper.signal('SIGCONT');
    sleeper.signal('SIGUSR2');
    await sleeper.says(/^END ann/);
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    await until(
      'it works on',
      () =>
        sleeper.count(/^START ann\S* default incremental of the second/) > 0 || sleeper.count(/^START/) > 1,
    );
    expect(sleeper.lines.filter((line) => line.startsWith('START'))[1]).toMatch(/incremental of the second/);
  });

  it('never sync a user twice at once, and forget nobody, while one is killed again and again', async () => {
    const place = await Place.make();
    const locks = scratchFolder();
    const queue = await place.open({ leaseMs });
    const random = seededRandom(4);
    const users = Array.from({ length: 60 }, (_, index) => parseUserName(`user${index}@example.com`));
    const start = (): Promise<Replicator> => Replicator.start(place.server.url, locks, 5, 5);
    const steady = await start();
    const all = [steady];
    for (let round = 0; round < 3; round++) {
      const victim = await start();
      all.push(victim);
      for (let wave = 0; wave < 20; wave++) {
        const some = users.filter(() => random.fraction() < 0.3);
        const channel = random.fraction() < 0.5 ? 'default' : 'other';
        await queue.request(
          channel,
          some.map((user) => ({ user, priority: 'low' })),
        );
      }
      await until('it has work', () => victim.count(/^END/) > 3);
      await victim.end('SIGKILL');
    }
    const done = async (): Promise<boolean> => {
      for (const channel of ['default', 'other'])
        for (const { requestedAt, running } of (await usersOf(queue, channel)).values())
          if (requestedAt !== undefined || running) return false;
      return true;
    };
    await until('everyone is synced', done);
    expect(all.reduce((sum, one) => sum + one.count(/^OVERLAP/), 0)).toBe(0);
    expect(steady.count(/^END/)).toBeGreaterThan(20);
    expect(place.server.cli('KEYS', '*leases'), 'no lease is left').toBe('');
  });
});

describe('two queues of one backend', () => {
  it('merge their requests into one sync with the highest priority', async () => {
    const place = await Place.make();
    const [one, other] = [await place.open(), await place.open()];
    await Promise.all([
      one.request('default', [{ user: ann, priority: 'low' }]),
      other.request('default', [{ user: ann, priority: 'sync' }]),
      one.request('default', [{ user: ann, priority: 'high' }]),
    ]);
    const claim = await nextClaim(other);
    expect(claim).toMatchObject({ user: ann, priority: 'sync' });
    expect(await claimNow(one)).toBeUndefined();
    await one.request('default', [{ user: ann, priority: 'low' }]);
    await other.complete(claim, { outcome: 'ok', full: true, state: 's' });
    expect(await nextClaim(one)).toMatchObject({
      user: ann,
      priority: 'low',
      state: 's',
      type: 'incremental',
    });
  });

  it('answer waiters wherever the sync runs', async () => {
    const place = await Place.make();
    const [one, other] = [await place.open(), await place.open()];
    const waiting = one.waitForSync('default', ann, new AbortController().signal);
    await one.request('default', [{ user: ann, priority: 'sync' }]);
    await other.complete(await nextClaim(other), { outcome: 'changed', full: false });
    expect(await waiting).toBe('changed');
  });

  it('wake a worker that waits at the other', async () => {
    const place = await Place.make();
    const [one, other] = [await place.open(), await place.open()];
    const claim = nextClaim(other);
    await until('it waits', async () => (await one.channelStatus('default')).users === 0);
    const askedAt = Date.now();
    await one.request('default', [{ user: ann, priority: 'high' }]);
    expect(await claim).toMatchObject({ user: ann });
    expect(Date.now() - askedAt, 'woken, not found by looking now and then').toBeLessThan(1_000);
  });

  it('of different backends know nothing of each other', async () => {
    const place = await Place.make();
    const [one, other] = [await place.open(), await place.open({ backend: 'another' })];
    await one.request('default', [{ user: ann, priority: 'high' }]);
    expect(await claimNow(other)).toBeUndefined();
    expect((await other.channelStatus('default')).users).toBe(0);
    expect(await claimNow(one)).toMatchObject({ user: ann });
  });

  it('share what a person has paused, and the interval that was set last', async () => {
    const place = await Place.make();
    const [one, other] = [await place.open(), await place.open()];
    await one.request('default', [{ user: ann, priority: 'high' }]);
    await one.pause('default');
    expect((await other.channelStatus('default')).paused).toBe(true);
    expect(await claimNow(other)).toBeUndefined();
    const claim = nextClaim(other);
    await one.resume('default');
    expect(await claim).toMatchObject({ user: ann });
  });
});
