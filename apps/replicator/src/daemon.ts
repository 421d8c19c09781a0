import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startAlerts } from '@dsyncd/alerts';
import { type Config, loadConfig, requiresReplica, syncTimeoutMs } from '@dsyncd/config';
import { formatUserName, systemClock, type UserName } from '@dsyncd/core';
import { findProblems } from '@dsyncd/doctor';
import { type Daemon, endWith, ListenedUntil, programVersion, takeInheritedFiles } from '@dsyncd/process';
import {
  type Channel,
  doveadmSocketName,
  FirstSyncWatch,
  FleetDuties,
  HangWatch,
  HostProblems,
  listenDoveadm,
  MissedChanges,
  matchingUsers,
  noRoomProblems,
  type RunningProgress,
  refusedNameProblems,
  twinHomeProblems,
  UserRefresh,
  WorkerPool,
  type WorkerPoolOptions,
} from '@dsyncd/replicator';
import { createLogger, exitOnCrash, logReady } from '@dsyncd/telemetry';
import { startConsumers } from './change-side.ts';
import { openHttp } from './http.ts';
import { startListeners } from './listeners.ts';
import { openMailSide } from './mail-side.ts';
import { openSink, queueSettings } from './open-queue.ts';

/** Running syncs have so long to end by themselves before they are cut off; the rest of 10 s is for cleaning up. */
const stopGraceMs = 8_000;

/** Builds dsyncd from its configuration file and starts it. */
export async function startReplicator(configFile: string): Promise<Daemon> {
  let config = await loadConfig(configFile);
  const logger = createLogger({ program: 'dsyncd', level: config.logLevel });
  exitOnCrash(logger);
  await mkdir(config.baseDir, { recursive: true });
  await mkdir(config.stateDir, { recursive: true });
  const channels = (): Channel[] =>
    config.channels.map((channel) => ({
      name: channel.name,
      replica: channel.mailReplica,
      chain: channel.chain,
      requiresReplica: (user) => requiresReplica(channel, user),
    }));
  const mail = await openMailSide(() => config, logger);
  const stopping = new AbortController();
  const duties = new FleetDuties({
    queue: () => queue,
    channels,
    refresh: () => refresh.refresh(),
    catchUp: () => missed.afterGap(undefined),
    logger,
    signal: stopping.signal,
  });
  const inherited = takeInheritedFiles();
  const { sink, openQueue } = await openSink({ config, channels, duties, logger });
  const listeners = await startListeners(config, inherited, sink, logger);
  const { queue, broken, respell, intake, feed, closeSink, fleetParts, close } = await openQueue();
  void broken?.then((error) => {
    logger.error({ error, hint: error.hint }, 'the queue cannot be stored: dsyncd ends, to be started anew');
    endWith('dsyncd', error);
  });
  const noteChanges = feed && ((names: readonly string[]) => intake.noteChanges(names));
  const storedUntil = (): number =>
    Math.min(
      ...Object.values(listeners).map((listener) => listener.storedUntil),
      // What a sync brings in is in the change feed at its end only.
      ...(feed === undefined ? [] : queue.running().map(({ startedAt }) => startedAt)),
    );
  const listened = new ListenedUntil(config.stateDir, systemClock, logger);
  const listenedUntil = await listened.read();
  const pool = new WorkerPool({
    queue,
    engine: mail.engine,
    clock: systemClock,
    logger,
    ...poolSettings(config),
    hangs: new HangWatch({ queue, channels, clock: systemClock }),
    intake,
  });
  const known = { clock: systemClock, version: programVersion(), dsyncds: new Set<string>() };
  const problems = new HostProblems(
    async () => [
      ...noRoomProblems(intake.leftOut, refresh.noRoom),
      ...refusedNameProblems(mail.unusable?.() ?? { count: 0 }),
      ...twinHomeProblems(mail.twins?.() ?? { count: 0 }),
      ...(await findProblems(config, known)).map(({ check, channel, message, remedy = '' }) => ({
        check: channel === undefined ? check : `${check} (${channel})`,
        message,
        remedy,
      })),
    ],
    systemClock,
    logger,
  );
  const firstSyncs = new FirstSyncWatch({ queue, channels, clock: systemClock, logger });
  const progressOf: RunningProgress['of'] = (channel, user) => pool.progress.of(channel, user);
  const users = (mask: string): AsyncIterable<UserName> =>
    matchingUsers(mail.users(), formatUserName(mask as UserName, config.usernameFormat));
  const consumers = await startConsumers(config, feed, () => mail.users(), logger);
  const doveadm = await listenDoveadm({
    consumers: () => consumers.status(),
    progressOf,
    firstSyncsLeftMs: (channel) => firstSyncs.leftMs(channel),
    problems: () => problems.found,
    noteChanges,
    path: join(config.listeners.replicator.dir, doveadmSocketName),
    access: config.listeners.replicator,
    queue,
    channels,
    users,
    connsMax: () => config.replicationMaxConns,
    now: systemClock.now,
    logger,
  });
  let isReady = false;
  const http = await openHttp({
    ...fleetParts,
    feed,
    consumers: () => consumers.status(),
    progressOf,
    firstSyncsLeftMs: (channel) => firstSyncs.leftMs(channel),
    config: () => config,
    queue,
    sink,
    channels,
    users,
    listeners,
    problems: () => problems.found,
    isReady: () => isReady,
    logger,
  });
  const refresh = new UserRefresh({
    queue,
    channels,
    users: () => mail.users(),
    mailSize: (user, signal) => mail.mailSize(user, signal),
    unusable: mail.unusable,
    exists: mail.exists,
    intervalMs: () => config.dovecot.userRefreshIntervalMs,
    graceMs: () => config.dovecot.userGraceTimeMs,
    clock: systemClock,
    logger,
  });
  const refreshing = refresh.start();
  // A Dovecot may be down or slow; what is waiting for it in the queue is not held up by that.
  if (config.mailEngine === 'builtin') await refreshing;
  pool.start(http);
  const respelt = respell(stopping.signal);
  const missed = new MissedChanges({
    queue,
    channels,
    changedSince: (user, sinceMs, signal) => mail.changedSince(user, sinceMs, signal),
    noteChanges,
    scanIntervalMs: () => mail.scanIntervalMs(),
    clock: systemClock,
    logger,
  });
  duties.started(async () => {
    await refreshing;
    await missed.afterGap(listenedUntil);
    listened.keep(storedUntil);
  });
  missed.start();
  void firstSyncs.start();
  void problems.start();
  duties.begin();
  const alerts = startAlerts({
    ...{ config: () => config, queue, channels, logger },
    host: () => problems.found,
    consumers: () => consumers.status(),
  });
  isReady = true;
  logReady(logger, { channels: channels().map(({ name, replica }) => `${name}=${replica}`) });
  return {
    async reload() {
      try {
        const next = await loadConfig(configFile);
        await mail.configure(next);
        if (JSON.stringify(next.redis) !== JSON.stringify(config.redis))
          logger.warn({}, 'the queue stays where it is until dsyncd is restarted');
        config = next;
        logger.setLevel(config.logLevel);
        await queue.configure(queueSettings(config));
        pool.resize(poolSettings(config));
        await http?.reload();
        await consumers.configure(config);
        await refresh.refresh();
        logger.info({}, 'configuration reloaded');
      } catch (error) {
        logger.error({ error }, 'configuration not reloaded; the present one stays in force');
      }
    },
    async answers() {
      for (const { name } of channels()) await queue.channelStatus(name);
    },
    async stop() {
      logger.info({}, 'stopping');
      isReady = false;
      stopping.abort();
      const consumersStopped = consumers.stop();
      const refreshed = refresh.stop();
      alerts.stop();
      problems.stop();
      firstSyncs.stop();
      const missedSettled = missed.stop();
      // Nothing that is written from now on is read; what was written before is.
      const closedAt = systemClock.now();
      await Promise.all(Object.values(listeners).map((listener) => listener.close()));
      await http?.close();
      await closeSink();
      await pool.stop(stopGraceMs);
      await doveadm.close();
      await mail.engine.close();
      await mail.close();
      await refreshed;
      await missedSettled;
      await respelt;
      await duties.settled();
      await consumersStopped;
      await close();
      await listened.stop(closedAt);
      logger.info({}, 'stopped');
    },
  };
}

const poolSettings = (config: Config): Pick<WorkerPoolOptions, 'connsMax' | 'attemptTimeoutMs'> => ({
  connsMax: config.replicationMaxConns,
  attemptTimeoutMs: (channel) => syncTimeoutMs(config, channel),
});
