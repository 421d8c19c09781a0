import type { ReplicationHealth } from '../replication-health.ts';
import { instantOrNull } from './durations.ts';

/** The health for programs: instants in ISO 8601, spans in seconds, null for never. */
export const healthJson = (health: ReplicationHealth): object => ({
  healthy: health.isHealthy,
  problems: health.problems,
  channels: health.channels.map((channel) => ({
    channel: channel.channel,
    replica: channel.replica,
    users: channel.users,
    behind: channel.behindCount,
    standings: channel.standings,
    paused: channel.paused,
    obstacles: channel.obstacles,
    lagSeconds: seconds(channel.lagMs),
    running: channel.running,
    firstSyncsLeftSeconds: seconds(channel.firstSyncsLeftMs),
    queued: {
      sync: channel.queuedSync,
      high: channel.queuedHigh,
      low: channel.queuedLow,
      failed: channel.queuedFailed,
      fullResync: channel.queuedFullResync,
    },
    quarantined: channel.quarantined,
    breaker: {
      state: channel.breaker.state,
      failuresInRow: channel.breaker.consecutiveFailures,
      retryAt: instantOrNull(channel.breaker.retryAt),
      reason: channel.breaker.lastReason ?? null,
    },
  })),
  behind: health.behind.map((user) => ({
    username: user.user,
    channel: user.channel,
    state: user.state,
    priority: user.priority,
    lagSeconds: seconds(user.lagMs),
    requestedAt: instantOrNull(user.requestedAt),
    lastSuccessAt: instantOrNull(user.lastSuccessAt),
    nextSyncAt: instantOrNull(user.nextSyncAt),
    failuresInRow: user.failuresInRow,
    code: user.failure?.code ?? null,
    sync:
      user.sync === undefined
        ? null
        : {
            type: user.sync.type,
            startedAt: instantOrNull(user.sync.startedAt),
            mails: user.sync.mails ?? null,
            bytes: user.sync.bytes ?? null,
          },
    why: user.why,
    remedy: user.remedy ?? null,
  })),
});

const seconds = (spanMs: number | undefined): number | null =>
  spanMs === undefined ? null : Math.round(spanMs) / 1000;
