import { parseUserName, silentLogger, systemClock, systemRandom } from '@dsyncd/core';
import type { UnixListener } from '@dsyncd/process';
import { type Completion, openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { HostProblems, listenDoveadm } from '@dsyncd/replicator';
import { until } from '@dsyncd/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ann, Rig } from '../rig.ts';

const annUser = parseUserName(ann);
const bob = parseUserName('bob@example.com');

let rig: Rig;
let queue: ReplicationQueue;
let server: UnixListener;
let channels: readonly string[];
let problems: HostProblems;
let isExpired = false;
/** How often a client asked how the channels are. */
let channelsAsked = 0;

async function openReplicator(names: readonly string[]): Promise<void> {
  channels = names;
  const expired = { check: 'certificate', message: 'the certificate has expired', remedy: 'renew it' };
  problems = new HostProblems(async () => (isExpired ? [expired] : []), systemClock, silentLogger);
  queue = openMemoryQueue({
    clock: systemClock,
    random: systemRandom,
    settings: { channels: names, fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
  });
  server = await listenDoveadm({
    path: rig.path('run/replicator-doveadm'),
    queue,
    channels: () => {
      channelsAsked++;
      return channels.map((name) => ({ name, replica: `tcps:${name}.example.com`, chain: false }));
    },
    async *users() {
      yield* [annUser, bob];
    },
    connsMax: () => 2,
    problems: () => problems.found,
    now: () => Date.now(),
    logger: silentLogger,
  });
}

beforeEach(async () => {
  rig = await Rig.open();
  await openReplicator(['default']);
});
afterEach(async () => {
  await server.close();
  await queue.close();
  await rig.close();
});

const request = (user = annUser): Promise<unknown> => queue.request('default', [{ user, priority: 'high' }]);

async function sync(completion: Completion): Promise<void> {
  const claim = await queue.claim(AbortSignal.timeout(5000));
  if (claim === undefined) throw new Error('nothing is due');
  await queue.complete(claim, completion);
}

const synced: Completion = { outcome: 'ok', full: true, state: 's' };
const failure = (code: string, reason: string) => ({
  full: false,
  failure: { code, reason, hint: 'mend it' },
});
const peerDown: Completion = {
  outcome: 'transient',
  ...failure('DSYNCD_CONNECT', 'connection refused | really'),
};
const expired: Completion = { outcome: 'operator', ...failure('DSYNCD_TLS', 'certificate expired') };

it('tells what is wrong with the host in status, check and failover check until it is mended', async () => {
  await request();
  await sync(synced);
  isExpired = true;
  await problems.look();
  await problems.look();
  const status = await rig.run(['status']);
  expect(status.code).toBe(1);
  expect(status.stdout).toContain('this host, certificate: the certificate has expired\n  do:  renew it\n');
  const check = await rig.run(['check']);
  expect(check.code).toBe(2);
  expect(check.stdout).toMatch(/^DSYNCD CRITICAL - this host: the certificate has expired /);
  const failover = await rig.run(['failover', 'check']);
  expect(failover.stdout).toContain('this host: the certificate has expired\nNOT ready');
  isExpired = false;
  await problems.look();
  await problems.look();
  expect((await rig.run(['status'])).code).toBe(0);
  expect((await rig.run(['check'])).code).toBe(0);
});

describe('check', () => {
  it('is OK with performance data when all is well', async () => {
    await request();
    await sync(synced);
    expect(await rig.run(['check'])).toEqual({
      code: 0,
      stderr: '',
      stdout:
        'DSYNCD OK - default: 1 user, nothing overdue | lag=0s;60;300;0 behind=0;;;0 failed=0;0;;0 quarantined=0;0;;0 breaker=0;0;1;0 users=1;;;0 running=0;;;0\n',
    });
  });

  it('warns of a failing and of a quarantined user, and is critical past the critical limit', async () => {
    await request();
    await sync(peerDown);
    const warned = await rig.run(['check']);
    expect(warned.code).toBe(1);
    expect(warned.stdout).toMatch(
      /^DSYNCD WARNING - default: 1 user failing \(ann@example\.com: [^|]+\) \| .* failed=1;0;;0 /,
    );
    expect((await rig.run(['check', '--failed-warning', '1'])).code).toBe(0);
    expect((await rig.run(['check', '--failed-critical', '0'])).code).toBe(2);
    await request(bob);
    await sync(expired);
    const held = await rig.run(['check', '--quarantined-critical', '0']);
    expect(held.code).toBe(2);
    expect(held.stdout).toMatch(
      /^DSYNCD CRITICAL - default: 1 user quarantined \(.+\); default: 1 user failing \(.+\) \| /,
    );
    expect(held.stdout).toContain(' quarantined=1;0;0;0 ');
  });

  it('warns of what is not known to be replicated, though no change waits', async () => {
    await queue.add('default', [bob]);
    const { code, stdout } = await rig.run(['check']);
    expect(code).toBe(1);
    expect(stdout).toContain('DSYNCD WARNING - default: 1 user never synced |');
  });

  it('counts users behind and the age of the oldest change', async () => {
    await request();
    await sync(synced);
    await request();
    expect((await rig.run(['check'])).code).toBe(0);
    const behind = await rig.run(['check', '--behind-critical', '0']);
    expect(behind).toMatchObject({ code: 2, stderr: '' });
    expect(behind.stdout).toContain('CRITICAL - default: 1 user behind |');
  });

  it('is critical when the peer is down, and keeps the reason on its line', async () => {
    for (let index = 0; index < 40; index++) {
      const user = parseUserName(`user${index}@example.com`);
      await queue.request('default', [{ user, priority: 'high' }]);
      if ((await queue.channelStatus('default')).breaker.state === 'open') break;
      await sync(peerDown);
    }
    const { code, stdout } = await rig.run(['check']);
    expect(code).toBe(2);
    expect(stdout).toContain('default: peer tcps:default.example.com down: connection refused / really;');
    expect(stdout.match(/\|/g)).toHaveLength(1);
    expect(stdout).toContain(' breaker=2;0;1;0 ');
  });

  it('is critical without dsyncd and without channels, unknown without a configuration', async () => {
    const fails = async (env: Record<string, string> = {}): Promise<string> => {
      const { code, stdout, stderr } = await rig.run(['check'], { env });
      expect(stderr).toBe('');
      return `${code} ${stdout.split(' | ')[0]}`;
    };
    expect(await fails({ DSYNCD_CONFIG: '/nonexistent' })).toMatch(
      /^3 DSYNCD UNKNOWN - cannot read the configuration/,
    );
    channels = [];
    expect(await fails()).toMatch(/^2 DSYNCD CRITICAL - no channel is configured/);
    await server.close();
    expect(await fails()).toMatch(/^2 DSYNCD CRITICAL - cannot talk to the replicator at /);
  });

  it('labels the data of several channels, and takes one of them', async () => {
    await server.close();
    await queue.close();
    await openReplicator(['default', 'offsite']);
    await queue.request('offsite', [{ user: annUser, priority: 'low' }]);
    expect((await rig.run(['check'])).stdout).toMatch(/ default\.lag=0s;.* offsite\.behind=1;/);
    expect((await rig.run(['check', '--channel', 'default'])).stdout).toMatch(/ \| lag=0s;.* behind=0;/);
    expect((await rig.run(['check', '--channel', 'nowhere'])).code).toBe(3);
  });
});

describe('drain', () => {
  it('waits until the last change is replicated', async () => {
    await request();
    const draining = rig.run(['drain', '--timeout', '30']);
    const claim = await queue.claim(AbortSignal.timeout(5000));
    if (claim === undefined) throw new Error('nothing is due');
    const asked = channelsAsked;
    await until('it has looked again', () => channelsAsked >= asked + 2);
    expect(await Promise.race([draining, Promise.resolve('it waits')])).toBe('it waits');
    await queue.complete(claim, synced);
    const { code, stdout } = await draining;
    expect(code).toBe(0);
    expect(stdout).toMatch(/everything is replicated \(1 user\)\ndrained in [\d.]+ s\n$/);
  });

  it('names who is behind when the time is up', async () => {
    await request();
    await sync(synced);
    await request();
    const { code, stdout } = await rig.run(['drain', 'default', '--timeout', '0']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/ann@example\.com \(default\): waiting, [\s\S]*not drained after/);
    const json = JSON.parse((await rig.run(['drain', '--timeout', '0', '--json'])).stdout) as object;
    expect(json).toMatchObject({ drained: false, behind: [{ username: ann }] });
  });

  it('does not wait for those who need a person', async () => {
    await request();
    await sync(expired);
    const { code, stdout } = await rig.run(['drain', '--timeout', '60']);
    expect(code).toBe(1);
    expect(stdout).toContain('why: certificate expired');
  });

  it('tries failed users at once when asked to', async () => {
    await request();
    await sync(peerDown);
    const draining = rig.run(['drain', '--retry', '--timeout', '30']);
    await sync(synced);
    expect((await draining).code).toBe(0);
  });

  it('refuses a channel that there is not, and fails when nobody listens', async () => {
    expect((await rig.run(['drain', 'nowhere'])).code).toBe(64);
    await server.close();
    expect((await rig.run(['drain'])).code).toBe(75);
  });
});

describe('failover check', () => {
  const check = (...args: string[]) => rig.run(['failover', 'check', ...args]);

  it('is ready when everybody was replicated and nothing waits', async () => {
    await request();
    await sync(synced);
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
    expect((await check()).stdout).toContain('ready: the replica can take over');
  });

  it('is not while somebody was never replicated, though nothing waits', async () => {
    await queue.add('default', [bob]);
    const { code, stdout } = await check();
    expect(code).toBe(1);
    expect(stdout).toContain('bob@example.com (default): never synced, ');
    expect(stdout).toContain('channel default: 1 user never synced\nNOT ready');
    expect(JSON.parse((await check('--json')).stdout)).toMatchObject({
      ready: false,
      missingSeconds: null,
      neverSynced: [{ username: bob, channel: 'default' }],
      reasons: ['channel default: 1 user never synced'],
    });
  });

  it('allows for changes younger than the recovery point objective', async () => {
    await request();
    await sync(synced);
    await request();
    const strict = await check();
    expect(strict.code).toBe(1);
    expect(strict.stdout).toMatch(/changes of the last [\d.]+ s are not on the replica/);
    expect((await check('--rpo', '600')).code).toBe(0);
  });

  it('is not when a sync failed', async () => {
    await request();
    await sync(synced);
    await request();
    await sync(expired);
    const { code, stdout } = await check('--rpo', '600');
    expect(code).toBe(1);
    expect(stdout).toContain('channel default: 1 user quarantined');
  });
});
