/**
 * One truth about a user, whoever is asked: `dsyncadm status` and `check`, `failover check`, GET /failover, the metrics, the
 * alerts and what the dashboard shows are made from a real queue and must say the same of it.
 */
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AlertWatch } from '@dsyncd/alerts';
import { parseUserName, type Standing, silentLogger, systemRandom } from '@dsyncd/core';
import { startHttpApi } from '@dsyncd/http-api';
import { type Completion, openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { doveadmSocketName, type HostProblem, Intake, listenDoveadm } from '@dsyncd/replicator';
import { Host } from '@dsyncd/testkit';
import { describe, expect, test } from 'vitest';
import { type Level, verdictOf } from '../../apps/dashboard/src/model/verdict.ts';
import { cleanUpAfterTests, onCleanup, scratchFolder } from './support.ts';

cleanUpAfterTests();

const ann = parseUserName('ann@example.com');
const channels = [{ name: 'default', replica: 'tcps:mx2.example.com', chain: false }];
const token = 'a-token-for-every-role-0123456789';
const longMs = 20 * 60_000;
const graceMs = 60_000;
const exitCodes = { ok: 0, warning: 1, critical: 2 } as const;

const done: Completion = { outcome: 'ok', full: true, state: 's' };
const unproven: Completion = { outcome: 'ok', full: false, proofAfterMs: 60_000 };
const failure = { code: 'X', reason: 'the index is damaged', hint: 'mend the index' };

class Scene {
  // What happened long ago happens first; then it is now, for the programs, too.
  readonly clock = new VirtualClock(Date.now() - longMs);
  readonly queue: ReplicationQueue = openMemoryQueue({
    clock: this.clock,
    random: systemRandom,
    settings: { channels: ['default'], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
  });
  problems: readonly HostProblem[] = [];

  async sync(completion: Completion = done): Promise<void> {
    await this.queue.request('default', [{ user: ann, priority: 'high', byOperator: true }]);
    const claim = await this.queue.claim(AbortSignal.timeout(5_000));
    if (claim === undefined) throw new Error('nothing is due');
    await this.queue.complete(claim, completion);
  }

  change = (): Promise<unknown> => this.queue.request('default', [{ user: ann, priority: 'low' }]);
}

interface Row {
  readonly when: string;
  readonly was?: (scene: Scene) => Promise<unknown>;
  readonly now?: (scene: Scene) => Promise<unknown>;
  readonly standing?: Standing;
  /** On its way, as it should be: no fault, and yet not replicated. */
  readonly isYoung?: boolean;
  readonly level: Level;
  readonly check: keyof typeof exitCodes;
  readonly alerts?: readonly string[];
}

const synced = (scene: Scene): Promise<void> => scene.sync();

const rows: readonly Row[] = [
  { when: 'replicated', was: synced, standing: 'replicated', level: 'good', check: 'ok' },
  {
    when: 'changed just now',
    was: synced,
    now: (s) => s.change(),
    standing: 'behind',
    isYoung: true,
    level: 'busy',
    check: 'ok',
  },
  {
    when: 'changed long ago',
    was: async (s) => [await s.sync(), await s.change()],
    standing: 'behind',
    level: 'late',
    check: 'critical',
    alerts: ['default/lag'],
  },
  {
    when: 'to be proven, since a moment',
    was: synced,
    now: (s) => s.sync(unproven),
    standing: 'unproven',
    isYoung: true,
    level: 'busy',
    check: 'ok',
  },
  {
    when: 'to be proven, for long',
    was: async (s) => [await s.sync(), await s.sync(unproven)],
    standing: 'unproven',
    level: 'late',
    check: 'critical',
    alerts: ['default/lag'],
  },
  {
    when: 'never synced',
    was: (s) => s.queue.add('default', [ann]),
    standing: 'never synced',
    level: 'late',
    check: 'warning',
    alerts: ['default/standing'],
  },
  {
    when: 'not known since start',
    was: synced,
    now: (s) => s.queue.doubt('default', [ann]),
    standing: 'not known',
    level: 'late',
    check: 'warning',
    alerts: ['default/standing'],
  },
  {
    when: 'paused',
    was: synced,
    now: (s) => s.queue.pauseUsers('default', '*'),
    standing: 'paused',
    level: 'late',
    check: 'warning',
    alerts: ['default/standing'],
  },
  {
    when: 'on a paused channel',
    was: synced,
    now: (s) => s.queue.pause('default'),
    standing: 'replicated',
    level: 'late',
    check: 'warning',
    alerts: ['default/standing'],
  },
  {
    when: 'held',
    was: synced,
    now: (s) => s.sync({ outcome: 'operator', full: false, failure }),
    standing: 'quarantined',
    level: 'bad',
    check: 'warning',
    alerts: ['default/quarantine'],
  },
  {
    when: 'failing for the second time',
    was: async (s) => [await s.sync(), await s.sync({ outcome: 'transient', full: false, failure })],
    now: (s) => s.sync({ outcome: 'transient', full: false, failure }),
    standing: 'failing',
    level: 'late',
    check: 'critical',
    alerts: ['default/failed'],
  },
  {
    when: 'changed five times in a row',
    was: synced,
    now: async (s) => {
      for (let times = 0; times < 5; times++) await s.sync({ outcome: 'changed', full: false });
    },
    standing: 'changing',
    level: 'late',
    check: 'warning',
    alerts: ['default/lag', 'default/standing'],
  },
  {
    when: 'replicated, but a change was not taken by the queue',
    was: synced,
    now: async (s) => {
      s.problems = [{ check: 'users-max', message: 'the queue has no room', remedy: 'make room' }];
    },
    standing: 'replicated',
    level: 'bad',
    check: 'critical',
    alerts: ['host/users-max'],
  },
  { when: 'not known at all', level: 'late', check: 'warning', alerts: ['default/standing'] },
];

describe('a user who is', () => {
  test.each(rows)('$when', async (row) => {
    const scene = new Scene();
    await row.was?.(scene);
    scene.clock.advance(longMs);
    await row.now?.(scene);
    const isWell = row.level === 'good';
    const isFault = !isWell && row.isYoung !== true;
    const host = await startSurfaces(scene);

    const status = await host.admin('status', '--json');
    expect(status.code === 0, status.stdout).toBe(!isFault);
    const text = (await host.admin('status')).stdout;
    expect(text.includes('everything is replicated'), text).toBe(isWell);
    const check = await host.admin('check');
    expect(check.code, check.stdout).toBe(exitCodes[row.check]);
    const failover = await host.admin('failover', 'check', '--rpo', '60');
    expect(failover.code === 0, failover.stdout).toBe(!isFault);

    const call = await apiOf(scene);
    expect((await call('/failover')).status).toBe(isFault ? 503 : 200);
    expect((await call('/readyz')).status, 'dsyncd itself is').toBe(200);
    const shown = JSON.parse((await call('/v1/status')).body) as Parameters<typeof verdictOf>[0];
    expect(verdictOf(shown, scene.clock.now()).level).toBe(row.level);
    expect(shown.channels[0]?.replicated).toBe(isWell || scene.problems.length > 0);
    if (row.standing !== undefined) {
      const { channels } = JSON.parse((await call(`/v1/users/${ann}`)).body) as {
        readonly channels: readonly { readonly state: string }[];
      };
      expect(channels[0]?.state).toBe(row.standing);
      const label = row.standing.replaceAll(' ', '_');
      expect((await call('/metrics')).body).toContain(
        `dsyncd_users_standing{channel="default",standing="${label}"} 1`,
      );
    }
    // What is on its way now would be late after the grace.
    if (row.isYoung !== true) expect(await alertsOf(scene)).toEqual(row.alerts ?? []);
  });
});

/** The socket that dsyncadm asks, over the queue of the scene. */
async function startSurfaces(scene: Scene): Promise<Host> {
  const folder = scratchFolder();
  const host = new Host({
    hostname: 'a.example.com',
    folder: join(folder, 'a'),
    secret: 'the secret of both hosts',
    channels: { default: { replica: 'tcp:127.0.0.1:1' } },
  });
  await host.configure();
  await mkdir(host.baseDir, { recursive: true });
  const socket = await listenDoveadm({
    path: join(host.baseDir, doveadmSocketName),
    queue: scene.queue,
    channels: () => channels,
    users: async function* () {},
    connsMax: () => 1,
    problems: () => scene.problems,
    now: () => scene.clock.now(),
    logger: silentLogger,
  });
  onCleanup(() => socket.close());
  return host;
}

async function apiOf(scene: Scene): Promise<(path: string) => Promise<{ status: number; body: string }>> {
  const { queue, clock } = scene;
  const api = await startHttpApi({
    queue,
    sink: new Intake({ queue, channels: () => channels, clock, logger: silentLogger }),
    channels: () => channels,
    users: async function* () {},
    connsMax: () => 1,
    failoverMaxLagMs: () => graceMs,
    sources: () => [],
    problems: () => scene.problems,
    isReady: () => true,
    hostname: () => 'a.example.com',
    version: '1.2.3',
    clock,
    logger: silentLogger,
    address: '127.0.0.1',
    port: 0,
    tokens: { operate: token },
  });
  onCleanup(() => api.close());
  return async (path) => {
    const answer = await fetch(new URL(path, api.url), { headers: { authorization: `Bearer ${token}` } });
    return { status: answer.status, body: await answer.text() };
  };
}

/** Keys of what people are told of, once it lasted for the grace time. */
async function alertsOf(scene: Scene): Promise<readonly string[]> {
  const keys: string[] = [];
  const hook = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      keys.push(...(JSON.parse(body) as { firing: { key: string }[] }).firing.map(({ key }) => key));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  onCleanup(() => hook.close());
  const watch = new AlertWatch({
    queue: scene.queue,
    channels: () => channels,
    host: () => scene.problems,
    plan: () => ({
      graceMs,
      repeatMs: longMs,
      webhookUrl: async () => `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    }),
    hostname: () => 'a.example.com',
    silenceFile: join(scratchFolder(), 'silent'),
    clock: scene.clock,
    logger: silentLogger,
  });
  await watch.check();
  scene.clock.advance(graceMs + 1);
  await watch.check();
  watch.stop();
  return [...new Set(keys)];
}
