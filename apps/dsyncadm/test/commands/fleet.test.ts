import { writeFileSync } from 'node:fs';
import { parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import { openRedisQueue } from '@dsyncd/queue-redis';
import { RedisServer } from '@dsyncd/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ann, Rig } from '../rig.ts';

const password = 'a secret of the Redis';

let rig: Rig;
let redis: RedisServer;
let queues: ReplicationQueue[];

beforeEach(async () => {
  queues = [];
  rig = await Rig.open();
  redis = await RedisServer.start({ folder: rig.path('redis'), args: ['--requirepass', password] });
  writeFileSync(rig.path('password'), password, { mode: 0o600 });
  await configure();
});
afterEach(async () => {
  for (const queue of queues) await queue.close();
  await redis.end('SIGKILL');
  await rig.close();
});

const configure = (url = redis.url): Promise<void> =>
  rig.configure(
    [
      'queue = "redis"',
      '[redis]',
      `url = ${JSON.stringify(url)}`,
      'backend = "mail"',
      'prefix = "fleet"',
      `password_file = ${JSON.stringify(rig.path('password'))}`,
    ].join('\n'),
  );

async function openQueue(backend: string, hostname: string): Promise<ReplicationQueue> {
  const queue = await openRedisQueue({
    url: redis.url,
    password,
    prefix: 'fleet',
    backend,
    hostname,
    clock: systemClock,
    random: systemRandom,
    settings: { channels: ['default'], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
  });
  queues.push(queue);
  return queue;
}

describe('dsyncadm fleet', () => {
  it('shows backends and replicators, without a dsyncd on this host', async () => {
    const queue = await openQueue('mail', 'mx1.example.com');
    await openQueue('mail', 'mx2.example.com');
    const archive = await openQueue('archive', 'mx9.example.com');
    await archive.pause('default');
    await queue.request('default', [{ user: parseUserName(ann), priority: 'high' }]);
    const lines = (await rig.ok(['fleet'])).split('\n');
    const words = lines.map((line) => line.split(/ +/).join(' '));
    expect(words).toContain('backend channel state users behind oldest sync high low failed held running');
    expect(words).toContain('archive default paused 0 0 - 0 0 0 0 0 0');
    expect(words.join('\n')).toMatch(/^mail default replicating 1 1 \d\.\d s 0 1 0 0 0 0$/m);
    for (const hostname of ['mx1.example.com', 'mx2.example.com'])
      expect(words.join('\n')).toMatch(new RegExp(`^mail ${hostname} ${process.pid} .* 0 alive$`, 'm'));
  });

  it('prints what the API answers with --json, and 1 when nobody serves a backend', async () => {
    await openQueue('mail', 'mx1.example.com');
    await (await openQueue('archive', 'mx9.example.com')).close();
    const { code, stdout } = await rig.run(['fleet', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      backends: [
        { backend: 'archive', replicators: [] },
        {
          backend: 'mail',
          users: 0,
          usersBehind: 0,
          oldestLagSeconds: 0,
          replicators: [{ hostname: 'mx1.example.com', pid: process.pid, alive: true, running: 0 }],
          channels: [{ channel: 'default', queued: { sync: 0, high: 0, low: 0 } }],
        },
      ],
    });
    expect((await rig.run(['fleet'])).stdout).toMatch(/^archive +- .*NO REPLICATOR$/m);
  });

  it('says so when nobody is there yet', async () =>
    expect(await rig.ok(['fleet'])).toBe('no backend has a queue there\n'));

  it('tells of a wrong password, of a Redis that is down, and of a queue that is this host alone', async () => {
    writeFileSync(rig.path('password'), 'another one', { mode: 0o600 });
    const refused = await rig.run(['fleet']);
    expect(refused).toMatchObject({ code: 69, stdout: '' });
    expect(refused.stderr).toMatch(/does not accept the password\n {2}compare/);
    expect(refused.stderr).not.toContain('another one');
    await configure('redis://127.0.0.1:1');
    const down = await rig.run(['fleet']);
    expect(down).toMatchObject({ code: 75, stdout: '' });
    expect(down.stderr).toContain('ECONNREFUSED');
    await rig.configure();
    const alone = await rig.run(['fleet']);
    expect(alone).toMatchObject({ code: 65, stdout: '' });
    expect(alone.stderr).toContain('`dsyncadm status` shows it');
  });
});
