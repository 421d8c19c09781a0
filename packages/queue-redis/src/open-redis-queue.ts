import { hostname as hostnameOfSystem } from 'node:os';
import { DsyncdError, silentLogger, systemClock } from '@dsyncd/core';
import { type ReplicationQueue, withOneSpelling } from '@dsyncd/queue';
import type { Redis } from 'ioredis';
import { Claims } from './claims.ts';
import { type ConnectionKind, connect, redisError, redisPlace } from './connection.ts';
import { Presence } from './fleet-view.ts';
import { IdleWorkers } from './idle-workers.ts';
import { scripts as scriptTexts } from './lua/index.ts';
import { keyBase, prefixDefault, type RedisQueueOptions, redisLimits } from './options.ts';
import { RedisClock } from './redis-clock.ts';
import { RedisQueue, type RedisQueueParts } from './redis-queue.ts';
import { RedisWaiters } from './redis-waiters.ts';
import { Session } from './replicator-session.ts';
import { ScriptRunner } from './script-runner.ts';
import { checkServer } from './server-check.ts';
import { Wake } from './wake.ts';

const usersMaxDefault = 10_000_000;
const leaseMsDefault = 10_000;

/**
 * Opens the queue of a backend on a Redis; all replicators that do so share its work.
 * @throws {DsyncdError} `DSYNCD_QUEUE_REDIS_*` when the Redis is not there, does not let us in, is too old,
 *   would forget, or holds keys of somebody else under the prefix.
 */
export async function openRedisQueue(options: RedisQueueOptions): Promise<ReplicationQueue> {
  const { random, logger = silentLogger, leaseMs = leaseMsDefault } = options;
  const base = keyBase(options);
  if (!(leaseMs >= redisLimits.leaseMsMin))
    throw new DsyncdError('DSYNCD_QUEUE_REDIS_LEASE', `a lease of ${leaseMs} ms is too short`, {
      outcome: 'operator',
      hint: `give at least ${redisLimits.leaseMsMin} ms`,
    });
  const place = redisPlace(options);
  await checkServer(place, base, logger);

  const connections: Redis[] = [];
  const open = async (kind: ConnectionKind, name: string): Promise<Redis> => {
    const redis = connect(place, kind, `dsyncd-${name}`);
    redis.on('error', (error) => logger.debug({ error }, 'connection to Redis'));
    connections.push(redis);
    // BullMQ would connect by itself what it is given unconnected.
    await redis.connect();
    return redis;
  };
  const commands = await open('commands', 'commands');
  const worker = await open('worker', 'worker');
  const subscriber = await open('worker', 'answers');
  const down = (): DsyncdError => redisError(new Error('the connection was lost'), place.place);

  let { clock } = options;
  let adjustClock = async (): Promise<void> => {};
  if (clock === undefined) {
    const own = await RedisClock.open(commands).catch((error: unknown) => {
      for (const redis of connections) redis.disconnect();
      throw redisError(error, place.place);
    });
    clock = own;
    adjustClock = () => own.adjust();
  }
  const scripts = new ScriptRunner(commands, base, place.place);
  let settings = options.settings;
  const claims: Claims = new Claims({
    scripts,
    clock,
    random,
    logger,
    settings: () => settings,
    session: () => session.id,
    renew: () => session.renew(),
    refresh: () => queue.refresh(),
  });
  const member = {
    hostname: options.hostname ?? hostnameOfSystem(),
    pid: process.pid,
    startedAt: systemClock.now(),
    leaseMs,
  };
  const presence = new Presence({
    redis: commands,
    scripts,
    claims,
    prefix: options.prefix ?? prefixDefault,
    backend: options.backend,
    member,
    logger,
  });
  const session = new Session({
    connection: worker,
    member,
    base,
    leaseMs,
    logger,
    join: async (id) => {
      const isAsPlanned = (await scripts.count('join', claims.input({ session: id }))) === 1;
      if (!isAsPlanned) isToRefresh = true;
      await presence.enter(id);
    },
    leave: async (id) => {
      await scripts.run('leave', claims.input({ session: id }));
      idle.serve();
      wake.others();
    },
    onBeat: async (id) => {
      await Promise.all([claims.readOthers(), presence.beat(id), adjustClock()]);
    },
    onVanished: () => options.events?.vanished?.(),
    onLost: async () => {
      claims.drop();
      if ((await commands.hsetnx(`${base}:meta`, 'format', '1')) === 0) return;
      logger.error({ redis: place.place }, 'Redis has come back empty: every user is to be synced anew');
      options.events?.emptied?.();
    },
  });
  let isToRefresh = false;
  const idle: IdleWorkers = new IdleWorkers({
    clock,
    look: async () => {
      const look = await claims.look();
      if (look.ready > 0 && idle.count <= 1) wake.others();
      return look;
    },
    onIdle: () => wake.idle(),
    giveBack: (claim) => void claims.abandon(claim),
  });
  const wake: Wake = new Wake({
    connection: worker,
    base,
    leaseMs,
    logger,
    isIdle: () => idle.count > 0,
    onWake: () => idle.serve(),
  });
  const waiters = new RedisWaiters(subscriber, base, down);
  // A Redis that was started anew has forgotten the scripts; the order of commands is kept if it gets them first.
  const loadScripts = async (): Promise<void> => {
    await Promise.all(Object.values(scriptTexts).map((text) => commands.script('LOAD', text)));
  };
  const parts: RedisQueueParts = {
    scripts,
    claims,
    idle,
    waiters,
    usersMax: options.usersMax ?? usersMaxDefault,
    get settings() {
      return settings;
    },
    set settings(next) {
      settings = next;
    },
    wakeOthers: () => wake.others(),
    close: async () => {
      // In this order: a replicator that leaves may have to wake others.
      await session.close();
      await wake.close();
      for (const redis of connections) redis.disconnect();
    },
  };
  const queue: RedisQueue = new RedisQueue(parts);
  try {
    await loadScripts();
    commands.on('ready', () => {
      loadScripts().catch(() => {});
      idle.serve();
      options.events?.returned?.();
    });
    await waiters.open();
    await session.open();
    await wake.open();
    if (isToRefresh) await queue.refresh();
    const { usernameFormat = 'as-is' } = options.settings;
    return usernameFormat === 'as-is'
      ? queue
      : withOneSpelling(queue, usernameFormat, (channel) => queue.names(channel));
  } catch (error) {
    await queue.close().catch(() => {});
    throw redisError(error, place.place);
  }
}
