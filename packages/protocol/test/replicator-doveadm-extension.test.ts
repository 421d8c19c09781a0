import { limits, noStandings } from '@dsyncd/core';
import {
  type ChannelReport,
  type ConsumerReport,
  decodeChannelReport,
  decodeConsumerReport,
  decodeExtensionCommand,
  decodeSyncReport,
  decodeUserReport,
  encodeChannelReport,
  encodeConsumerReport,
  encodeExtensionCommand,
  encodeSyncReport,
  encodeUserReport,
  reportTextCharsMax,
  type UserReport,
} from '@dsyncd/protocol';
import { describe, expect, it } from 'vitest';

const channel: ChannelReport = {
  channel: 'offsite',
  replica: 'tcps:mx2.example.com',
  queuedSync: 1,
  queuedHigh: 2,
  queuedLow: 3,
  queuedFailed: 4,
  queuedFullResync: 5,
  quarantined: 6,
  pausedUsers: 2,
  running: 7,
  users: 1_000_000,
  paused: true,
  standings: { ...noStandings, replicated: 999_998, 'never synced': 1, 'not known': 1 },
  oldestRequestAt: 1_790_000_000_123,
  breaker: { state: 'open', consecutiveFailures: 8, retryAt: 1_790_000_005_000, lastReason: 'refused\t=x' },
};

const user: UserReport = {
  channel: 'default',
  user: 'ann=b@example.com',
  priority: 'high',
  lastFastSyncAt: 1_790_000_000_001,
  lastFullSyncAt: 1_790_000_000_002,
  lastSuccessAt: undefined,
  failed: true,
  quarantined: true,
  paused: true,
  failure: { code: 'DSYNCD_STORE_DAMAGED', reason: 'index damaged', hint: 'run dsyncadm store check' },
  failuresInRow: 9,
  nextSyncAt: undefined,
  requestedAt: 1_790_000_000_003,
  running: false,
  standing: 'quarantined',
  quickRetriesInRow: 3,
};

const idleUser: UserReport = {
  ...user,
  priority: 'none',
  failed: false,
  quarantined: false,
  paused: false,
  failure: undefined,
  failuresInRow: 0,
  requestedAt: undefined,
  standing: 'replicated',
  quickRetriesInRow: 0,
};

describe('instants with fractions', () => {
  it('arrive as whole milliseconds', () => {
    const breaker = { ...channel.breaker, retryAt: 1_790_000_005_000.88 };
    expect(decodeChannelReport(encodeChannelReport({ ...channel, breaker })).breaker.retryAt).toBe(
      1_790_000_005_001,
    );
    const late = decodeUserReport(encodeUserReport({ ...user, nextSyncAt: 1_790_000_005_000.2 }));
    expect(late.nextSyncAt).toBe(1_790_000_005_000);
  });
});

describe('commands of the replicator-doveadm extension', () => {
  it.each([
    { type: 'channel', channel: 'offsite' },
    { type: 'channels' },
    { type: 'users', mask: '*@example.com', behindOnly: true },
    { type: 'users', mask: '*', behindOnly: false },
    { type: 'syncs' },
    { type: 'problems' },
    { type: 'consumers' },
  ] as const)('decodes what it encoded: %o', (command) => {
    expect(decodeExtensionCommand(encodeExtensionCommand(command))).toEqual(command);
  });

  it.each([
    [['STATUS']],
    [['CHANNEL']],
    [['CHANNEL', '']],
    [['CHANNELS', 'x']],
    [['USERS']],
    [['USERS', '']],
    [['USERS', '*', '', 'x']],
    [[]],
  ])('leaves %j to others', (fields) => {
    expect(decodeExtensionCommand(fields)).toBeUndefined();
  });
});

describe('reports of the replicator-doveadm extension', () => {
  it('decodes the channel that it encoded', () => {
    expect(decodeChannelReport(encodeChannelReport(channel))).toEqual(channel);
  });

  it('decodes the user that it encoded', () => {
    expect(decodeUserReport(encodeUserReport(user))).toEqual(user);
    expect(decodeUserReport(encodeUserReport(idleUser))).toEqual(idleUser);
  });

  it('decodes the sync that it encoded', () => {
    const sync = {
      channel: 'default',
      user: 'ann',
      type: 'full',
      priority: 'low',
      startedAt: 1_790_000_000_000,
    } as const;
    expect(decodeSyncReport(encodeSyncReport(sync))).toEqual(sync);
  });

  it('decodes the consumer that it encoded', () => {
    const failing: ConsumerReport = {
      name: 'index',
      state: 'failing',
      startsOver: false,
      usersBehind: 12,
      behindSince: 1_790_000_000_000,
      runningSince: 1_790_000_000_001,
      failuresInRow: 3,
      lastSuccessAt: 1_790_000_000_002,
      nextTryAt: 1_790_000_000_003,
      failure: { code: 'DSYNCD_CONSUMER_COMMAND', reason: 'exited with 3', hint: 'check command' },
    };
    const resting: ConsumerReport = {
      ...failing,
      state: 'waiting',
      usersBehind: 0,
      behindSince: undefined,
      runningSince: undefined,
      failuresInRow: 0,
      lastSuccessAt: undefined,
      nextTryAt: undefined,
      failure: undefined,
    };
    const startingOver = { ...resting, startsOver: true, usersBehind: undefined };
    for (const report of [failing, resting, startingOver])
      expect(decodeConsumerReport(encodeConsumerReport(report))).toEqual(report);
  });

  it('skips keys that it does not know and takes missing ones as nothing', () => {
    const report = decodeUserReport(['ann', 'colour=red', 'flagless', 'priority=low']);
    expect(report).toEqual({
      ...idleUser,
      user: 'ann',
      priority: 'low',
      lastFastSyncAt: undefined,
      lastFullSyncAt: undefined,
      // Nobody said that it is replicated.
      standing: 'not known',
    });
  });

  it('keeps a line below the line limit whatever the texts of a failure are', () => {
    const atLimit = 'ä'.repeat(reportTextCharsMax);
    const report = { ...user, failure: { code: 'X', reason: atLimit, hint: `${atLimit}more` } };
    const fields = encodeUserReport(report);
    expect(decodeUserReport(fields).failure).toEqual({ code: 'X', reason: atLimit, hint: atLimit });
    // Escaping at most doubles a text of control characters, which are one byte each.
    expect(Buffer.byteLength(fields.join('\t'))).toBeLessThan(limits.lineBytesMax);
  });

  it.each([[['ann', 'requested=soon']], [['ann', 'priority=urgent']], [['ann', 'next=-5']], [['']], [[]]])(
    'refuses the damaged report %j with a hint',
    (fields) => {
      expect(() => decodeUserReport(fields)).toThrow(
        expect.objectContaining({
          code: 'DSYNCD_REPLICATOR_ANSWER',
          hint: expect.stringContaining('restart'),
        }),
      );
    },
  );
});
