import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, loadConfig } from '@dsyncd/config';
import { compileMask, DsyncdError, systemClock, systemRandom, type UserName } from '@dsyncd/core';
import { BuiltinEngine, hasImported, type SyncEngine } from '@dsyncd/engine';
import type { MailStore } from '@dsyncd/mailstore';
import {
  fifoName,
  listenFifo,
  listenNotifySocket,
  listenReplicatorSocket,
  type NotifyListener,
  notifySocketName,
  replicatorSocketName,
  watchSpool,
} from '@dsyncd/notify';
import { type Daemon, openStore } from '@dsyncd/program';
import { openSqliteQueue, type QueueSettings, type ReplicationQueue } from '@dsyncd/queue';
import { type Channel, doveadmSocketName, Intake, listenDoveadm, WorkerPool } from '@dsyncd/replicator';
import { createLogger, exitOnCrash, logReady, type ProgramLogger } from '@dsyncd/telemetry';
import { Peers } from './peers.ts';

/** Running syncs have so long to end by themselves before they are cut off; the rest of 10 s is for cleaning up. */
const stopGraceMs = 8_000;
const usersAtOnce = 1_000;

/** Builds dsyncd from its configuration file and starts it. */
export async function startReplicator(configFile: string): Promise<Daemon> {
  let config = await loadConfig(configFile);
  const logger = createLogger({ program: 'dsyncd', level: config.logLevel });
  exitOnCrash(logger);
  await mkdir(config.baseDir, { recursive: true });
  await mkdir(config.stateDir, { recursive: true });
  const channels = (): Channel[] =>
    config.channels.map(({ name, mailReplica, chain }) => ({ name, replica: mailReplica, chain }));
  const peers = new Peers(logger);
  await peers.configure(config);
  const store = openStore(config, logger);
  const queue = await openSqliteQueue({
    file: join(config.stateDir, 'queue.sqlite'),
    clock: systemClock,
    random: systemRandom,
    logger,
    settings: queueSettings(config),
  });
  const engine = createEngine(() => config, store, peers);
  const intake = new Intake({ queue, channels });
  const pool = new WorkerPool({
    queue,
    engine,
    clock: systemClock,
    logger,
    ...poolSettings(config),
    onSynced: async ({ user, channel }, result) => {
      if (result.peer !== undefined) intake.peerSeen(channel, result.peer);
      if (hasImported(result)) await intake.imported(user, channel);
    },
  });
  const listeners = await startListeners(config, intake, logger);
  const doveadm = await listenDoveadm({
    path: join(config.baseDir, doveadmSocketName),
    queue,
    channels,
    users: (mask) => usersLike(store, mask),
    connsMax: () => config.replicationMaxConns,
    now: systemClock.now,
    logger,
  });
  await addUsers(queue, channels(), store);
  pool.start();
  logReady(logger, { channels: channels().map(({ name, replica }) => `${name}=${replica}`) });
  return {
    async reload() {
      try {
        const next = await loadConfig(configFile);
        await peers.configure(next);
        config = next;
        logger.setLevel(config.logLevel);
        await queue.configure(queueSettings(config));
        pool.resize(poolSettings(config));
        await addUsers(queue, channels(), store);
        logger.info({}, 'configuration reloaded');
      } catch (error) {
        logger.error({ error }, 'configuration not reloaded; the present one stays in force');
      }
    },
    async stop() {
      logger.info({}, 'stopping');
      await Promise.all(listeners.map((listener) => listener.close()));
      await pool.stop(stopGraceMs);
      await doveadm.close();
      await engine.close();
      await peers.close();
      await queue.close();
      await store.close();
      logger.info({}, 'stopped');
    },
  };
}

const queueSettings = (config: Config): QueueSettings => ({
  channels: config.channels.map(({ name }) => name),
  fullSyncIntervalMs: config.replicationFullSyncIntervalMs,
  failureResyncIntervalMs: config.replicationFailureResyncIntervalMs,
});

const poolSettings = (config: Config): { connsMax: number; attemptTimeoutMs: number } => ({
  connsMax: config.replicationMaxConns,
  attemptTimeoutMs: config.dsyncTimeoutMs,
});

function createEngine(config: () => Config, store: MailStore, peers: Peers): SyncEngine {
  const { mailEngine, hostname, file } = config();
  if (mailEngine !== 'builtin')
    throw new DsyncdError('DSYNCD_CONFIG', `${file}: mail_engine "${mailEngine}" is not there yet`, {
      outcome: 'operator',
      hint: 'use mail_engine = "builtin"',
    });
  return new BuiltinEngine({
    store,
    hostname,
    lockTimeoutMs: () => config().dsyncLockTimeoutMs,
    peerOf: (channel) => peers.get(channel),
  });
}

async function startListeners(
  { baseDir, notifySpoolDir }: Config,
  sink: Intake,
  logger: ProgramLogger,
): Promise<NotifyListener[]> {
  const options = { sink, clock: systemClock, logger };
  return [
    await listenFifo(join(baseDir, fifoName), options),
    await listenNotifySocket(join(baseDir, notifySocketName), options),
    await listenReplicatorSocket(join(baseDir, replicatorSocketName), options),
    await watchSpool(notifySpoolDir, options),
  ];
}

async function* usersLike(store: MailStore, mask: string): AsyncGenerator<UserName> {
  const matches = compileMask(mask);
  for await (const user of store.users()) if (matches(user)) yield user;
}

/** Users that were never heard of get their first full sync within the full-sync interval. */
async function addUsers(queue: ReplicationQueue, channels: readonly Channel[], store: MailStore): Promise<void> {
  let users: UserName[] = [];
  const add = async (): Promise<void> => {
    for (const { name } of channels) await queue.add(name, users);
    users = [];
  };
  for await (const user of store.users()) {
    users.push(user);
    if (users.length >= usersAtOnce) await add();
  }
  await add();
}
