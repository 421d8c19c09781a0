import { noStandings } from '@dsyncd/core';
import type { ChannelReport, ConsumerReport, SyncReport, UserReport } from '@dsyncd/protocol';
import { describe, expect, it } from 'vitest';
import { judgeForPlugin, type MetricLimits } from '../src/commands/check.ts';
import { healthJson, healthText } from '../src/output/health.ts';
import { judgeHealth, type ReplicationHealth } from '../src/replication-health.ts';

const now = 1_790_000_000_000;

const channel: ChannelReport = {
  channel: 'default',
  replica: 'tcps:mx2.example.com',
  queuedSync: 0,
  queuedHigh: 0,
  queuedLow: 0,
  queuedFailed: 0,
  queuedFullResync: 0,
  quarantined: 0,
  pausedUsers: 0,
  running: 0,
  users: 3,
  paused: false,
  standings: { ...noStandings, replicated: 3 },
  oldestRequestAt: undefined,
  breaker: { state: 'closed', consecutiveFailures: 0, retryAt: undefined, lastReason: undefined },
};

const user: UserReport = {
  channel: 'default',
  user: 'ann@example.com',
  priority: 'low',
  lastFastSyncAt: undefined,
  lastFullSyncAt: undefined,
  lastSuccessAt: now - 3_600_000,
  failed: false,
  quarantined: false,
  paused: false,
  failure: undefined,
  failuresInRow: 0,
  nextSyncAt: now + 42_000,
  requestedAt: now - 120_000,
  running: false,
  standing: 'behind',
  quickRetriesInRow: 0,
};

const failure = { code: 'DSYNCD_CONFIG', reason: 'certificate expired', hint: 'renew it' };

const noLimit = { warning: undefined, critical: undefined };
const noLimits: MetricLimits = {
  lag: noLimit,
  behind: noLimit,
  failed: noLimit,
  quarantined: noLimit,
  breaker: noLimit,
};

/** The channel's counts are those of its users. */
function judge(users: readonly UserReport[], report = channel): ReplicationHealth {
  const counts = { ...noStandings, replicated: report.users - users.length };
  for (const { standing } of users) counts[standing]++;
  const channels = [{ ...report, standings: counts }];
  return judgeHealth({ channels, behind: users, now, lagMsMax: 300_000 });
}

const textOf = (health: ReplicationHealth, usersMax = 20): string => healthText(health, { now, usersMax });

describe('judgeHealth', () => {
  it('is healthy when nobody is behind', () => {
    const health = judge([]);
    expect(health.isHealthy).toBe(true);
    expect(textOf(health)).toBe(
      'channel default to tcps:mx2.example.com: everything is replicated (3 users)\n',
    );
  });

  it('says how consumers are doing, and that they keep no mail from the replica', () => {
    const consumer: ConsumerReport = {
      name: 'index',
      state: 'waiting',
      startsOver: false,
      usersBehind: 0,
      behindSince: undefined,
      runningSince: undefined,
      failuresInRow: 0,
      lastSuccessAt: now,
      nextTryAt: undefined,
      failure: undefined,
    };
    const behind = { ...consumer, usersBehind: 12, behindSince: now - 300_000 };
    const all: readonly ConsumerReport[] = [
      consumer,
      { ...behind, name: 'backup', state: 'running', runningSince: now - 2_000 },
      { ...consumer, name: 'new', startsOver: true, usersBehind: undefined },
      {
        ...behind,
        name: 'archive',
        state: 'failing',
        failuresInRow: 3,
        nextTryAt: now + 8_000,
        failure: { ...failure, reason: 'exited with 3' },
      },
    ];
    const channels = [{ ...channel, standings: { ...noStandings, replicated: 3 } }];
    const health = judgeHealth({ channels, behind: [], consumers: all, now, lagMsMax: 300_000 });
    expect(health.isHealthy).toBe(true);
    expect(textOf(health).split('\n').slice(1)).toEqual([
      'consumer index: has every change',
      'consumer backup: 12 users behind for 5 min, running for 2.0 s',
      'consumer new: is being given all users',
      'consumer archive: FAILING, 12 users behind for 5 min, 3 failures in a row, next try in 8.0 s',
      '  why: exited with 3',
      '  do:  renew it',
      '',
    ]);
    expect(healthJson(health)).toMatchObject({
      consumers: [
        { name: 'index', usersBehind: 0, behindSince: null, code: null },
        { name: 'backup', runningSince: new Date(now - 2_000).toISOString().replace('.000Z', 'Z') },
        { startsOver: true, usersBehind: null },
        { state: 'failing', code: 'DSYNCD_CONFIG', reason: 'exited with 3', remedy: 'renew it' },
      ],
    });
    expect(judgeForPlugin(health, noLimits)).toMatchObject({
      state: 'WARNING',
      line: expect.stringContaining('consumer archive fails: exited with 3'),
    });
  });

  it('takes a change that waits for a moment as healthy, and one that waits too long as not', () => {
    expect(judge([{ ...user, requestedAt: now - 300_000 }]).isHealthy).toBe(true);
    expect(judge([{ ...user, requestedAt: now - 300_001 }]).isHealthy).toBe(false);
  });

  it('says why a user fails and what to do', () => {
    const health = judge([{ ...user, standing: 'failing', failed: true, failuresInRow: 3, failure }]);
    expect(health.isHealthy).toBe(false);
    expect(textOf(health)).toContain(
      'ann@example.com (default): failing, behind for 2 min since 2026-09-21T14:11:20Z, 3 failures in a row, ' +
        'next try in 42 s\n  why: certificate expired\n  do:  renew it\n',
    );
  });

  it('says it also while the next try runs', () => {
    const health = judge([
      { ...user, running: true, standing: 'failing', failed: true, failuresInRow: 3, failure },
    ]);
    expect(textOf(health)).toContain('why: certificate expired\n  do:  renew it\n');
  });

  it('tells how far a running sync is, and how long first syncs take yet', () => {
    const sync: SyncReport = {
      channel: 'default',
      user: user.user,
      type: 'full',
      priority: 'low',
      startedAt: now - 120_000,
      mails: 12_340,
      bytes: 1_234_567_890,
      mailboxesDone: 12,
      mailboxesTotal: 3_000,
    };
    const health = judgeHealth({
      channels: [
        { ...channel, standings: { ...noStandings, 'never synced': 3 }, firstSyncsLeftMs: 2_400_000 },
      ],
      behind: [{ ...user, running: true, standing: 'never synced' }],
      syncs: [sync],
      now,
      lagMsMax: 300_000,
    });
    expect(textOf(health)).toContain('3 never synced (about 40 min left)');
    expect(textOf(health)).toContain(
      'full sync for 2 min, 12 of 3000 mailboxes compared, 12340 mails and 1234.6 MB so far',
    );
    expect(healthJson(health)).toMatchObject({
      channels: [{ firstSyncsLeftSeconds: 2400 }],
      behind: [{ sync: { type: 'full', mails: 12_340 } }],
    });
  });

  it('tells how to release a quarantined user, quoted for the shell', () => {
    const health = judge([
      { ...user, user: "o'brien", standing: 'quarantined', quarantined: true, failed: true, failure },
    ]);
    expect(textOf(health)).toContain("do:  renew it; then run `dsyncadm replicator replicate 'o'\\''brien'`");
  });

  it('blames the peer, not the user, while the breaker is open', () => {
    const breaker = {
      state: 'open',
      consecutiveFailures: 8,
      retryAt: now + 5000,
      lastReason: 'connection refused',
    } as const;
    const health = judge([{ ...user, standing: 'failing', failed: true, failure }], { ...channel, breaker });
    expect(health.isHealthy).toBe(false);
    expect(health.behind[0]?.state).toBe('held');
    expect(textOf(health)).toContain('peer down: 8 failures in a row, next try in 5.0 s: connection refused');
    expect(textOf(health)).toContain('why: the peer is down: connection refused');
  });

  it('counts one who is to be proven as one whose change waits', () => {
    const standings = { ...noStandings, replicated: 2, unproven: 1 };
    const soon = { ...user, priority: 'none', standing: 'unproven', requestedAt: now - 2_000 } as const;
    const health = judge([soon], { ...channel, standings, oldestRequestAt: soon.requestedAt });
    expect(health.isHealthy).toBe(true);
    expect(textOf(health)).toContain('2 of 3 users replicated, 1 unproven');
    expect(textOf(health)).toContain('unproven, behind for 2.0 s');
    const late = { ...soon, requestedAt: now - 300_001 };
    expect(judge([late], { ...channel, standings, oldestRequestAt: late.requestedAt }).isHealthy).toBe(false);
  });

  it('puts first who needs a person, then who has waited longest', () => {
    const names = judge([
      { ...user, user: 'young', requestedAt: now - 1 },
      { ...user, user: 'old', requestedAt: now - 9000 },
      { ...user, user: 'held', standing: 'quarantined', quarantined: true, requestedAt: now },
    ]).behind.map((each) => each.user);
    expect(names).toEqual(['held', 'old', 'young']);
  });

  it.each([
    ['a paused channel', [], { ...channel, paused: true }, 'the channel is paused'],
    ['no users', [], { ...channel, users: 0 }, 'no users are known yet'],
    [
      'a peer that is only tried',
      [],
      { ...channel, breaker: { ...channel.breaker, state: 'half-open' as const } },
      'the peer does not answer',
    ],
    [
      'a user who was never synced',
      [{ ...user, standing: 'never synced' as const }],
      channel,
      '1 user never synced',
    ],
    ['a doubt', [{ ...user, standing: 'not known' as const }], channel, '1 user not known to be replicated'],
    ['a paused user', [{ ...user, standing: 'paused' as const }], channel, '1 user paused'],
    [
      'a user who changes all the time',
      [{ ...user, standing: 'changing' as const }],
      channel,
      '1 user changing',
    ],
  ])('does not take %s for replicated', (_, users, report, obstacle) => {
    const health = judge(users, report);
    expect(health.isHealthy).toBe(false);
    expect(health.channels[0]?.obstacles).toEqual([expect.stringContaining(obstacle)]);
    expect(textOf(health)).not.toContain('everything is replicated');
  });

  it('never shows a negative lag when the clock was set back', () =>
    expect(judge([{ ...user, requestedAt: now + 5000 }]).behind[0]?.lagMs).toBe(0));

  it('counts the users that it does not show', () => {
    const users = ['a', 'b', 'c'].map((name) => ({ ...user, user: name }));
    expect(textOf(judge(users), 1)).toContain('... and 2 more users: --limit shows more');
  });

  it('gives programs the same in JSON', () =>
    expect(healthJson(judge([{ ...user, standing: 'failing', failed: true, failure }]))).toMatchObject({
      healthy: false,
      channels: [{ channel: 'default', behind: 1, breaker: { state: 'closed', reason: null } }],
      behind: [{ username: 'ann@example.com', lagSeconds: 120, code: 'DSYNCD_CONFIG', remedy: 'renew it' }],
    }));
});
