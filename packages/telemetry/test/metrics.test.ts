import { execFileSync } from 'node:child_process';
import { noStandings } from '@dsyncd/core';
import { describe, expect, test } from 'vitest';
import { lagLimitsMs, type MetricReadings, Metrics, reasonsMax, type SyncSample } from '../src/index.ts';

const channel = {
  channel: 'default',
  queuedSync: 1,
  queuedHigh: 2,
  queuedLow: 3,
  queuedFailed: 4,
  queuedFullResync: 5,
  quarantined: 6,
  pausedUsers: 12,
  running: 7,
  users: 100,
  standings: { ...noStandings, 'never synced': 8 },
  paused: false,
  oldestLagMs: 61_500,
  lagCounts: lagLimitsMs.map((limitMs) => (limitMs < 61_500 ? 9 : 0)),
  verification: { oldestAgeMs: 90_000_000, ageCounts: [70, 60, 50, 0, 0, 0] },
  breaker: { state: 'open', consecutiveFailures: 11 },
} as const;
const readings: MetricReadings = {
  channels: [channel],
  connsMax: 10,
  sources: [{ source: 'fifo', taken: 1234, refused: 5 }],
  http: { connections: 3, eventClients: 2, eventsDropped: 1 },
  consumers: [
    { name: 'index', usersBehind: 12, lagMs: 61_500, runs: 3, failures: 2, failuresInRow: 1 },
    { name: 'new', usersBehind: undefined, lagMs: 0, runs: 0, failures: 0, failuresInRow: 0 },
  ],
};
const sample: SyncSample = {
  channel: 'default',
  type: 'incremental',
  priority: 'high',
  outcome: 'ok',
  isRetried: false,
  durationMs: 250,
  lagMs: 1500,
  conflicts: 1,
  counts: {
    mailsReceived: 2,
    mailsSent: 3,
    bodiesSpared: 1,
    flagsChanged: 4,
    expunged: 5,
    mailboxesChanged: 6,
    bytesReceived: 2000,
    bytesSent: 3000,
  },
};

const make = (read = async (): Promise<MetricReadings> => readings): Metrics =>
  new Metrics({ version: '1.2.3', read });
const lines = async (metrics: Metrics): Promise<string[]> => (await metrics.text()).split('\n');

describe('the metrics page', () => {
  test('is clean for promtool', async () => {
    const metrics = make();
    metrics.syncEnded(sample);
    metrics.syncEnded({ ...sample, outcome: 'transient', failureCode: 'DSYNCD_PEER_DOWN', isRetried: true });
    const input = (await metrics.text()).split('\n').filter((line) => /^(# \w+ )?dsyncd_/.test(line));
    execFileSync('promtool', ['check', 'metrics'], { input: `${input.join('\n')}\n`, stdio: 'pipe' });
  });

  test('shows every channel as it is', async () => {
    const page = await lines(make());
    expect(page).toEqual(
      expect.arrayContaining([
        'dsyncd_queue_users{channel="default",state="sync"} 1',
        'dsyncd_queue_users{channel="default",state="high"} 2',
        'dsyncd_queue_users{channel="default",state="low"} 3',
        'dsyncd_queue_users{channel="default",state="failed"} 4',
        'dsyncd_queue_users{channel="default",state="full_resync"} 5',
        'dsyncd_queue_users{channel="default",state="quarantined"} 6',
        'dsyncd_queue_users{channel="default",state="paused"} 12',
        'dsyncd_users_unverified{channel="default",longer_than="86400"} 50',
        'dsyncd_users_unverified{channel="default",longer_than="172800"} 0',
        'dsyncd_oldest_verification_seconds{channel="default"} 90000',
        'dsyncd_connections{channel="default"} 7',
        'dsyncd_connections_max 10',
        'dsyncd_users{channel="default"} 100',
        'dsyncd_users_standing{channel="default",standing="never_synced"} 8',
        'dsyncd_oldest_lag_seconds{channel="default"} 61.5',
        'dsyncd_users_behind{channel="default",longer_than="60"} 9',
        'dsyncd_users_behind{channel="default",longer_than="300"} 0',
        'dsyncd_breaker_state{channel="default",state="open"} 1',
        'dsyncd_breaker_state{channel="default",state="closed"} 0',
        'dsyncd_breaker_consecutive_failures{channel="default"} 11',
        'dsyncd_notifications_total{source="fifo"} 1234',
        'dsyncd_notifications_refused_total{source="fifo"} 5',
        'dsyncd_event_clients 2',
        'dsyncd_events_dropped_total 1',
        'dsyncd_consumer_users_behind{consumer="index"} 12',
        'dsyncd_consumer_lag_seconds{consumer="index"} 61.5',
        'dsyncd_consumer_failures_in_row{consumer="index"} 1',
        'dsyncd_consumer_runs_total{consumer="index",outcome="ok"} 3',
        'dsyncd_consumer_runs_total{consumer="index",outcome="failed"} 2',
        'dsyncd_consumer_lag_seconds{consumer="new"} 0',
        'dsyncd_build_info{version="1.2.3"} 1',
      ]),
    );
  });

  test('forgets a channel that is gone, and counts on', async () => {
    let now = readings;
    const metrics = make(async () => now);
    metrics.syncEnded(sample);
    expect(await lines(metrics)).toContain('dsyncd_users{channel="default"} 100');
    now = {
      ...readings,
      channels: [],
      consumers: [],
      sources: [{ source: 'fifo', taken: 1300, refused: 5 }],
    };
    const page = await lines(metrics);
    expect(page.filter((line) => line.startsWith('dsyncd_users{'))).toEqual([]);
    expect(page.filter((line) => line.startsWith('dsyncd_consumer_'))).toEqual([]);
    expect(page).toContain('dsyncd_notifications_total{source="fifo"} 1300');
    expect(page).toContain('dsyncd_syncs_total{channel="default",type="incremental",outcome="ok"} 1');
  });

  test('is read once for readers at the same time', async () => {
    let reads = 0;
    const metrics = make(async () => {
      reads++;
      return readings;
    });
    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
    expect(reads).toBe(1);
    await metrics.text();
    expect(reads).toBe(2);
  });

  test('can be read again after a reading that failed', async () => {
    let fails = true;
    const metrics = make(async () => {
      if (fails) throw new Error('closed');
      return readings;
    });
    await expect(metrics.text()).rejects.toThrow('closed');
    fails = false;
    expect(await lines(metrics)).toContain('dsyncd_connections_max 10');
  });
});

describe('a sync', () => {
  test('is counted with all that it did', async () => {
    const metrics = make();
    metrics.syncEnded(sample);
    metrics.syncEnded(sample);
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'dsyncd_syncs_total{channel="default",type="incremental",outcome="ok"} 2',
        'dsyncd_sync_duration_seconds_bucket{le="0.1",channel="default",type="incremental"} 0',
        'dsyncd_sync_duration_seconds_bucket{le="0.3",channel="default",type="incremental"} 2',
        'dsyncd_sync_lag_seconds_sum{channel="default",priority="high"} 3',
        'dsyncd_sync_mails_total{channel="default",direction="received"} 4',
        'dsyncd_sync_mails_total{channel="default",direction="sent"} 6',
        'dsyncd_sync_bytes_total{channel="default",direction="received"} 4000',
        'dsyncd_sync_bodies_spared_total{channel="default"} 2',
        'dsyncd_sync_changes_total{channel="default",kind="expunge"} 10',
        'dsyncd_sync_conflicts_total{channel="default"} 2',
      ]),
    );
  });

  test('that compared everything is counted by what it proved', async () => {
    const metrics = make();
    const verified = (verification: NonNullable<SyncSample['verification']>): void =>
      metrics.syncEnded({ ...sample, type: 'full', verification });
    verified({ result: 'equal', sinceLastMs: 3_600_000 });
    verified({ result: 'repaired', sinceLastMs: 7_200_000 });
    verified({ result: 'failed', sinceLastMs: 7_200_000 });
    verified({ result: 'first' });
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'dsyncd_verifications_total{channel="default",result="equal"} 1',
        'dsyncd_verifications_total{channel="default",result="repaired"} 1',
        'dsyncd_verifications_total{channel="default",result="failed"} 1',
        'dsyncd_verifications_total{channel="default",result="first"} 1',
        'dsyncd_verification_interval_seconds_sum{channel="default"} 10800',
        'dsyncd_verification_interval_seconds_count{channel="default"} 2',
      ]),
    );
  });

  test('that is tried again is counted by why; a lag is one of successes only', async () => {
    const metrics = make();
    metrics.syncEnded({ ...sample, outcome: 'transient', failureCode: 'DSYNCD_PEER_DOWN', isRetried: true });
    metrics.syncEnded({ ...sample, outcome: 'busy', isRetried: true });
    const page = await lines(metrics);
    expect(page).toContain('dsyncd_sync_retries_total{channel="default",reason="DSYNCD_PEER_DOWN"} 1');
    expect(page).toContain('dsyncd_sync_retries_total{channel="default",reason="busy"} 1');
    expect(page.filter((line) => line.startsWith('dsyncd_sync_lag_seconds_count'))).toEqual([]);
  });

  test('adds no more than 100 reasons', async () => {
    const metrics = make();
    for (let index = 0; index < reasonsMax + 2; index++)
      metrics.syncEnded({ ...sample, outcome: 'transient', failureCode: `CODE_${index}`, isRetried: true });
    const reasons = (await lines(metrics)).filter((line) => line.startsWith('dsyncd_sync_retries_total{'));
    expect(reasons).toHaveLength(reasonsMax + 1);
    expect(reasons.at(-1)).toBe('dsyncd_sync_retries_total{channel="default",reason="other"} 2');
  });
});
