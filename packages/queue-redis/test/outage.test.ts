import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import { RedisServer, until } from '@dsyncd/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redisLimits } from '../src/index.ts';
import { nextClaim, Place, scratchFolder, usersOf } from './place.ts';

const ann = parseUserName('ann@example.com');
const bob = parseUserName('bob@example.com');
const request = (queue: ReplicationQueue, user = ann): Promise<unknown> =>
  queue.request('default', [{ user, priority: 'high' }]);

describe('when Redis is killed with kill -9', () => {
  it('requests are refused, and what was accepted is there when it is back', async () => {
    const place = await Place.make();
    const queue = await place.open({ leaseMs: 5_000 });
    await request(queue, bob);
    await queue.complete(await nextClaim(queue), { outcome: 'ok', full: true, state: 'state of bob' });
    await request(queue);
    await request(queue, bob);
    const claim = await nextClaim(queue);
    const stop = new AbortController();
    const down = { code: 'DSYNCD_QUEUE_REDIS_DOWN', outcome: 'transient' };
    const refused = expect(queue.waitForSync('default', bob, stop.signal)).rejects.toMatchObject(down);
    await place.server.end('SIGKILL');
    await refused;
    await expect(request(queue)).rejects.toMatchObject(down);
    const next = nextClaim(queue);
    const completed = queue.complete(claim, { outcome: 'ok', full: true, state: 'of the outage' });
    await place.server.start();
    await completed;
    expect(new Set([claim.user, (await next).user])).toEqual(new Set([ann, bob]));
    await request(queue);
    const users = await usersOf(queue);
    expect([...users.keys()].sort()).toEqual([ann, bob]);
    expect(users.get(claim.user)).toMatchObject({ running: false, failed: false });
  });

  it('a worker gives its claim back without an error, and the user is due again', async () => {
    const place = await Place.make();
    const queue = await place.open({ leaseMs: 5_000 });
    await request(queue);
    const claim = await nextClaim(queue);
    await place.server.end('SIGKILL');
    await queue.abandon(claim);
    await place.server.start();
    expect(await nextClaim(queue)).toMatchObject({
      user: ann,
      priority: 'high',
      requestedAt: claim.requestedAt,
    });
  });

  it('closing does not hang', async () => {
    const place = await Place.make();
    const queue = await place.open();
    await place.server.end('SIGKILL');
    await queue.close();
  });

  it('closing does not hang, either, when a sign of life is under way', async () => {
    const place = await Place.make();
    const queue = await place.open({ leaseMs: redisLimits.leaseMsMin });
    await place.server.end('SIGKILL');
    const downAt = Date.now();
    await until('a lease is over', () => Date.now() > downAt + redisLimits.leaseMsMin);
    await queue.close();
    expect(Date.now() - downAt).toBeLessThan(10_000);
  });

  it('nor when workers wait for it', async () => {
    const place = await Place.make();
    const queue = await place.open();
    const claim = queue.claim(new AbortController().signal);
    await place.server.end('SIGKILL');
    await until('it is missed', () => place.log.join().includes('nothing can be claimed'));
    const missedAt = Date.now();
    await queue.close();
    expect(Date.now() - missedAt).toBeLessThan(10_000);
    expect(await claim).toBeUndefined();
  });
});

describe('when Redis is started anew', () => {
  it('the queue is still there, with the users of Redis that the guide recommends', async () => {
    const guide = readFileSync(new URL('../../../deploy/redis.md', import.meta.url), 'utf8');
    const acl = join(scratchFolder(), 'users.acl');
    const users = [...guide.matchAll(/^(user (?:default|dsyncd) .*)$/gm)].map(([, line]) => line);
    expect(users).toHaveLength(2);
    // For whoever starts and stops it here.
    const admin = 'user admin on nopass ~* &* +@all';
    writeFileSync(acl, `${[...users, admin].join('\n')}\n`);
    const place = await Place.make(['--aclfile', acl]);
    const queue = await place.open({ username: 'dsyncd', password: 'SECRET' });
    await request(queue);
    await request(queue, bob);
    await place.server.end('SIGTERM');
    await place.server.start();
    await until('it is back', () =>
      usersOf(queue).then(
        () => true,
        () => false,
      ),
    );
    expect([...(await usersOf(queue)).keys()].sort()).toEqual([ann, bob]);
    expect((await nextClaim(queue)).priority).toBe('high');
  });
});

describe('when Redis comes back empty', () => {
  it('whoever knows the users is asked for them, and the queue works on', async () => {
    const place = await Place.make();
    let emptied = 0;
    const queue = await place.open({ events: { emptied: () => emptied++ } });
    await request(queue);
    const claim = await nextClaim(queue);
    await place.server.end('SIGKILL');
    rmSync(join(place.server.folder, 'appendonlydir'), { recursive: true });
    await place.server.start();
    await until('it is noticed', () => emptied === 1);
    await queue.complete(claim, { outcome: 'ok', full: true, state: 'late' });
    expect(await usersOf(queue)).toEqual(new Map());
    await request(queue, bob);
    expect(await nextClaim(queue)).toMatchObject({ user: bob, type: 'full', state: undefined });
    expect(place.log.join()).toContain('come back empty');
    expect(emptied).toBe(1);
  });
});

describe('when the master fails', () => {
  it('the queue goes on at the one that the sentinels promote', async () => {
    const place = await Place.make();
    const { port } = place.server;
    const replica = await RedisServer.start({
      folder: scratchFolder(),
      args: ['--replicaof', '127.0.0.1', String(port)],
    });
    onTestFinished(() => replica.end('SIGKILL'));
    const sentinels = await startSentinel(port);
    const queue = await place.open({ url: sentinels.url, leaseMs: 5_000 });
    await request(queue);
    await until('the replica has it', () => replica.cli('HLEN', 'dsyncd:{mail}:users:default') === '1');
    await until('the sentinel knows the replica', () => sentinels.replicas() > 0);
    await place.server.end('SIGKILL');
    await until('requests are taken again', () =>
      request(queue, bob).then(
        () => true,
        () => false,
      ),
    );
    const claims = [await nextClaim(queue), await nextClaim(queue)];
    expect(claims.map(({ user }) => user).sort()).toEqual([ann, bob]);
    expect(replica.cli('HLEN', 'dsyncd:{mail}:users:default')).toBe('2');
  });
});

async function startSentinel(port: number): Promise<{
  readonly url: string;
  readonly replicas: () => number;
}> {
  const folder = scratchFolder();
  const config = join(folder, 'sentinel.conf');
  writeFileSync(
    config,
    `sentinel monitor mail 127.0.0.1 ${port} 1\nsentinel down-after-milliseconds mail 500\nsentinel failover-timeout mail 3000\n`,
  );
  const sentinel = await RedisServer.startSentinel(folder, config);
  onTestFinished(() => sentinel.end('SIGKILL'));
  return {
    // One that is down does no harm.
    url: `redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/mail`,
    replicas: () => Number(/num-slaves\n(\d+)/.exec(sentinel.cli('SENTINEL', 'MASTER', 'mail'))?.[1] ?? 0),
  };
}
