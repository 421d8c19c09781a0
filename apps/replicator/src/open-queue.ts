import { join } from 'node:path';
import type { Config } from '@dsyncd/config';
import { type DsyncdError, type Logger, systemClock, systemRandom } from '@dsyncd/core';
import type { HttpApiParts } from '@dsyncd/http-api';
import type { NotifySink } from '@dsyncd/notify';
import { openSqliteQueue, type QueueSettings, type ReplicationQueue } from '@dsyncd/queue';
import { type Channel, type FleetDuties, Intake } from '@dsyncd/replicator';

export interface QueueSide {
  readonly queue: ReplicationQueue;
  /** Gives users whom the queue has under another spelling their one name. Never rejects. */
  respell(signal: AbortSignal): Promise<void>;
  readonly intake: Intake;
  /** Where notifications go: the intake, or what keeps them while that cannot take any. */
  readonly sink: NotifySink;
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
  /** The sink is there; with a queue on Redis, the queue may come later. */
  readonly onSink: (sink: NotifySink) => Promise<void>;
  /** The queue stores nothing more; only a new start of the program helps. */
  readonly onBroken: (error: DsyncdError) => void;
  readonly logger: Logger;
}

/** Opens the queue where the configuration says it is. */
export async function openQueue(parts: QueueParts): Promise<QueueSide> {
  const { config, channels, duties, onSink, onBroken, logger } = parts;
  if (config.redis === undefined) {
    const queue = await openSqliteQueue({
      file: join(config.stateDir, 'queue.sqlite'),
      clock: systemClock,
      random: systemRandom,
      logger,
      settings: queueSettings(config),
      onBroken,
    });
    const intake = new Intake({ queue, channels, clock: systemClock, logger });
    await onSink(intake);
    return {
      queue,
      respell: (signal) => respell(queue, parts, signal),
      intake,
      sink: intake,
      closeSink: async () => intake.leftOut.stop(),
      fleetParts: {},
      close: () => queue.close(),
    };
  }
  // Loaded by those alone who have a Redis.
  const { openFleetParts, openFleetQueue, openOutageSink } = await import('./redis-queue.ts');
  const sink = await openOutageSink(config, logger);
  await onSink(sink);
  const returned = (): void =>
    void sink
      .repeatRecent()
      .catch((error: unknown) => logger.error({ error }, 'the last notifications are not repeated'));
  const settings = queueSettings(config);
  const { redis, hostname } = config;
  const events = { emptied: () => duties.emptied(), vanished: () => duties.vanished(), returned };
  const queue = await openFleetQueue({ redis, hostname, settings, logger }, events);
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
    sink,
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
  // The other half is for changes.
  quietSyncsMax: Math.max(1, Math.floor(config.replicationMaxConns / 2)),
  ...(config.channels.length > 1 ? { channelSyncsMax: shareOf(config.replicationMaxConns) } : {}),
});

/** What one channel may hold when there are others: a quarter of the workers is always for them. */
const shareOf = (connsMax: number): number => Math.max(1, connsMax - Math.ceil(connsMax / 4));
