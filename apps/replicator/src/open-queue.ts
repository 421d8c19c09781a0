import { join } from 'node:path';
import type { ChangeFeed } from '@dsyncd/changes';
import type { Config, RedisConfig } from '@dsyncd/config';
import { type DsyncdError, type Logger, systemClock, systemRandom } from '@dsyncd/core';
import type { HttpApiParts } from '@dsyncd/http-api';
import type { NotifySink, OutageSink } from '@dsyncd/notify';
import { openSqliteQueue, type QueueSettings, type ReplicationQueue, shareWorkers } from '@dsyncd/queue';
import { type Channel, type FleetDuties, Intake } from '@dsyncd/replicator';
import { openFeed } from './change-side.ts';

/** Where notifications go, and from there the queue. */
export interface OpenedSink {
  /** The intake, or what keeps notifications while that cannot take any: listeners start with it. */
  readonly sink: NotifySink;
  /** With a queue on Redis this waits until the Redis is there, while the sink takes what comes. Call it once. */
  openQueue(): Promise<QueueSide>;
}

export interface QueueSide {
  readonly queue: ReplicationQueue;
  /** Fulfils when the queue stores nothing more and only a new start of the program helps; missing: that cannot be. */
  readonly broken?: Promise<DsyncdError>;
  /** Gives users whom the queue has under another spelling their one name. Never rejects. */
  respell(signal: AbortSignal): Promise<void>;
  readonly intake: Intake;
  /** Missing: nobody wants to know. */
  readonly feed?: ChangeFeed;
  /** After the listeners, before the queue. */
  closeSink(): Promise<void>;
  /** What the API shows of the fleet, if there is one. */
  readonly fleetParts: Pick<HttpApiParts, 'fleet' | 'board'>;
  /** At the very end. */
  close(): Promise<void>;
}

export interface QueueParts {
  readonly config: Config;
  readonly channels: () => readonly Channel[];
  /** What a queue on Redis asks this replicator to do. */
  readonly duties: Pick<FleetDuties, 'emptied' | 'vanished'>;
  readonly logger: Logger;
}

/**
 * Opens the sink of notifications for a queue where the configuration says it is. On this host the sink is the intake of
 * the queue, which is opened first; a queue on Redis may come later than its sink.
 */
export const openSink = (parts: QueueParts): Promise<OpenedSink> =>
  parts.config.redis === undefined ? openSqliteSink(parts) : openRedisSink(parts, parts.config.redis);

async function openSqliteSink(parts: QueueParts): Promise<OpenedSink> {
  const { config, channels, logger } = parts;
  const queue = await openSqliteQueue({
    file: join(config.stateDir, 'queue.sqlite'),
    clock: systemClock,
    random: systemRandom,
    logger,
    settings: queueSettings(config),
  });
  const feed = await openFeed(config, logger);
  const { usernameFormat } = config;
  const intake = new Intake({ queue, channels, changes: feed, usernameFormat, clock: systemClock, logger });
  const side: QueueSide = {
    queue,
    broken: queue.broken,
    respell: (signal) => respell(queue, parts, signal),
    intake,
    feed,
    closeSink: async () => intake.leftOut.stop(),
    fleetParts: {},
    async close() {
      await queue.close();
      await feed?.close();
    },
  };
  return { sink: intake, openQueue: async () => side };
}

async function openRedisSink(parts: QueueParts, redis: RedisConfig): Promise<OpenedSink> {
  // Loaded only where there is a Redis.
  const { openOutageSink } = await import('./redis-queue.ts');
  const sink = await openOutageSink(parts.config, parts.logger);
  return { sink, openQueue: () => openRedisSide(parts, redis, sink) };
}

async function openRedisSide(parts: QueueParts, redis: RedisConfig, sink: OutageSink): Promise<QueueSide> {
  const { config, channels, duties, logger } = parts;
  const { openFleetParts, openFleetQueue } = await import('./redis-queue.ts');
  const returned = (): void =>
    void sink
      .repeatRecent()
      .catch((error: unknown) => logger.error({ error }, 'the last notifications are not repeated'));
  const settings = queueSettings(config);
  const events = { emptied: () => duties.emptied(), vanished: () => duties.vanished(), returned };
  const queue = await openFleetQueue({ redis, hostname: config.hostname, settings, logger }, events);
  const intake = new Intake({ queue, channels, clock: systemClock, logger });
  sink.connect({
    sink: intake,
    probe: async () => {
      for (const { name } of channels()) await queue.channelStatus(name);
    },
  });
  const { fleet, board } = await openFleetParts(redis, logger);
  return {
    queue,
    respell: (signal) => respell(queue, parts, signal),
    intake,
    closeSink: () => {
      intake.leftOut.stop();
      return sink.close();
    },
    fleetParts: { fleet, board },
    async close() {
      fleet.close();
      await queue.close();
    },
  };
}

async function respell(
  queue: ReplicationQueue,
  { channels, logger }: QueueParts,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const { name: channel } of channels()) {
      const users = await queue.respell(channel, signal);
      if (users > 0) logger.info({ channel, users }, 'users renamed in the queue: one user, one spelling');
    }
  } catch (error) {
    logger.warn({ error }, 'users with another spelling stay in the queue until the next start');
  }
}

export const queueSettings = (config: Config): QueueSettings => ({
  channels: config.channels.map(({ name }) => name),
  usernameFormat: config.usernameFormat,
  fullSyncIntervalMs: config.replicationFullSyncIntervalMs,
  failureResyncIntervalMs: config.replicationFailureResyncIntervalMs,
  ...shareWorkers(config.replicationMaxConns, config.channels.length),
});
