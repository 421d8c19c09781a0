import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@dsyncd/core';
import { createAuthority, freePort } from '@dsyncd/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openRedisQueue, type RedisQueueOptions, redisLimits } from '../src/index.ts';
import { Place, scratchFolder, settings } from './place.ts';

const open = (options: Partial<RedisQueueOptions>): Promise<unknown> =>
  openRedisQueue({
    url: 'redis://127.0.0.1:1',
    backend: 'mail',
    clock: systemClock,
    random: systemRandom,
    settings,
    ...options,
  });

/** Something that answers INFO as a Redis of that description would; it knows RESP 2 only. */
async function pretendRedis(info: string): Promise<string> {
  const answers: Readonly<Record<string, string>> = {
    hello: "-ERR unknown command 'HELLO'\r\n",
    info: `$${info.length}\r\n${info}\r\n`,
  };
  const server = createServer((socket) =>
    socket
      .on('error', () => {})
      .on('data', (data) => {
        for (const [, name = ''] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n([a-z]+)\r\n/gi))
          socket.write(answers[name.toLowerCase()] ?? '+OK\r\n');
      }),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

describe('the queue refuses', () => {
  it('a Redis that is not there', async () => {
    const refused = open({ url: 'redis://127.0.0.1:1' });
    await expect(refused).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_DOWN', outcome: 'transient' });
  });

  it('a missing and a wrong password, and never repeats it', async () => {
    const place = await Place.make(['--requirepass', 'right-secret']);
    const { url } = place.server;
    for (const password of [undefined, 'wrong-secret']) {
      const error = await open({ url, password }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_PASSWORD', outcome: 'operator' });
      expect(String(error)).not.toContain('secret');
    }
    await place.open({ password: 'right-secret' });
  });

  it('a user who may not do what is needed', async () => {
    const acl = join(scratchFolder(), 'users.acl');
    writeFileSync(
      acl,
      'user default on nopass ~* &* +@all\nuser poor on >secret ~* +info +hello +client +ping\n',
    );
    const place = await Place.make(['--aclfile', acl]);
    const refused = open({ url: place.server.url, username: 'poor', password: 'secret' });
    await expect(refused).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_PASSWORD' });
  });

  it.each([
    ['redis_version:6.0.20\r\nrole:master\r\n', 'DSYNCD_QUEUE_REDIS_VERSION'],
    ['redis_version:5.9\r\nrole:master\r\n', 'DSYNCD_QUEUE_REDIS_VERSION'],
    ['redis_version:6.2.0\r\nrole:slave\r\n', 'DSYNCD_QUEUE_REDIS_UNFIT'],
  ])('%j', async (info, code) => {
    await expect(open({ url: await pretendRedis(info) })).rejects.toMatchObject({
      code,
      outcome: 'operator',
    });
  });

  it('a Redis that throws keys away', async () => {
    const place = await Place.make(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
    await expect(place.open()).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_UNFIT' });
    place.server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await place.open();
  });

  it('a prefix that somebody else uses, and a queue of another format', async () => {
    const place = await Place.make();
    place.server.cli('SET', 'dsyncd:{mail}:users:default', 'x');
    await expect(place.open()).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_FOREIGN' });
    await place.open({ prefix: 'dsyncd2' });
    place.server.cli('HSET', 'dsyncd:{mail}:meta', 'format', '77');
    await expect(place.open()).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_FORMAT' });
  });

  it('to write over a key that was put in its place later', async () => {
    const place = await Place.make();
    const queue = await place.open();
    place.server.cli('SET', 'dsyncd:{mail}:users:default', 'x');
    const request = queue.request('default', [{ user: 'ann' as never, priority: 'low' }]);
    await expect(request).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_FOREIGN' });
  });

  it.each([
    'http://127.0.0.1',
    'redis://',
    'redis://:secret@127.0.0.1',
    'redis://127.0.0.1/x',
    'redis://127.0.0.1:70000',
    'redis://a b',
    'redis+sentinel://127.0.0.1',
    'redis+sentinel://127.0.0.1,,10.0.0.1/mail',
    'unix:relative',
    '',
  ])('the place %j', async (url) => {
    const error = await open({ url }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_URL', outcome: 'operator' });
    expect(String(error)).not.toContain('secret');
  });

  it('names and leases beyond their limits', async () => {
    const longest = 'x'.repeat(redisLimits.nameCharsMax);
    const place = await Place.make();
    await place.open({ backend: longest, prefix: longest, leaseMs: redisLimits.leaseMsMin });
    for (const backend of ['', 'a b', '{x}', 'a:b', '*', `${longest}x`])
      await expect(place.open({ backend })).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_NAME' });
    await expect(place.open({ leaseMs: redisLimits.leaseMsMin - 1 })).rejects.toMatchObject({
      code: 'DSYNCD_QUEUE_REDIS_LEASE',
    });
  });

  it('more users than it may know', async () => {
    const place = await Place.make();
    const queue = await place.open({ usersMax: 2 });
    const names = ['ann', 'bob', 'carl'] as never[];
    await queue.add('default', names.slice(0, 2));
    await queue.request('default', [{ user: 'ann' as never, priority: 'low' }]);
    expect(await queue.add('default', names)).toEqual({ leftOut: [2] });
    const request = queue.request('default', [{ user: 'carl' as never, priority: 'low' }]);
    expect(await request).toEqual({ leftOut: [0] });
  });
});

describe('the queue takes', () => {
  it('a unix socket', async () => {
    const path = join(scratchFolder(), 'redis.sock');
    const place = await Place.make(['--unixsocket', path]);
    const queue = await place.open({ url: `unix:${path}` });
    expect((await queue.channelStatus('default')).users).toBe(0);
  });

  it('TLS with the authority that it was given, a certificate of ours and a password; nothing less', async () => {
    const authority = createAuthority(scratchFolder());
    const server = authority.issue('127.0.0.1');
    const own = authority.issue('mx1.example.com');
    const port = await freePort();
    const place = await Place.make([
      ...['--tls-port', String(port), '--tls-auth-clients', 'yes', '--requirepass', 'right-secret'],
      ...['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile],
      ...['--tls-ca-cert-file', authority.caFile],
    ]);
    const ca = readFileSync(authority.caFile, 'utf8');
    const pair = { cert: readFileSync(own.certFile, 'utf8'), key: readFileSync(own.keyFile, 'utf8') };
    const there = { url: `rediss://127.0.0.1:${port}`, password: 'right-secret' };
    const queue = await place.open({ ...there, tls: { ca, ...pair } });
    await queue.request('default', [{ user: 'ann' as never, priority: 'low' }]);
    expect((await queue.channelStatus('default')).users).toBe(1);
    const down = { code: 'DSYNCD_QUEUE_REDIS_DOWN', outcome: 'transient' };
    await expect(open({ ...there, tls: pair }), 'authority not known').rejects.toMatchObject(down);
    await expect(open({ ...there, tls: { ca } }), 'no certificate of ours').rejects.toMatchObject(down);
    const wrong = open({ ...there, password: 'wrong', tls: { ca, ...pair } });
    await expect(wrong).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_REDIS_PASSWORD' });
  });

  it('a Redis without an append-only file, with a warning', async () => {
    const place = await Place.make(['--appendonly', 'no']);
    await place.open();
    expect(place.log.join()).toContain('no append-only file');
  });

  it('as many waiters as it may, and no more', async () => {
    const place = await Place.make();
    const queue = await place.open();
    const ann = 'ann' as never;
    const stops = Array.from({ length: redisLimits.waitersMax }, () => new AbortController());
    const waiting = stops.map(({ signal }) => queue.waitForSync('default', ann, signal).catch(() => {}));
    const refused = queue.waitForSync('default', ann, new AbortController().signal);
    await expect(refused).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_WAITERS_MAX' });
    for (const stop of stops) stop.abort();
    await Promise.all(waiting);
  });
});
