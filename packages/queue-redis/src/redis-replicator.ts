import { hostname as hostnameOfSystem } from 'node:os';
import { type Clock, type DsyncdError, type Logger, silentLogger, systemClock } from '@dsyncd/core';
import type { Claim, QueueSettings } from '@dsyncd/queue';
import { Claims, type ClaimsOwner } from './claims.ts';
import { type Connections, type RedisPlace, redisError } from './connection.ts';
import { Presence } from './fleet-view.ts';
import { IdleWorkers, type Look, type WorkSource } from './idle-workers.ts';
import { scripts as scriptTexts } from './lua/index.ts';
import { keyBase, prefixDefault, type RedisQueueOptions, redisLimits } from './options.ts';
import { RedisClock } from './redis-clock.ts';
import { RedisWaiters } from './redis-waiters.ts';
import { Session, type SessionOwner } from './replicator-session.ts';
import { ScriptRunner } from './script-runner.ts';
import { Wake } from './wake.ts';

const usersMaxDefault = 10_000_000;

export interface ReplicatorPlace {
  readonly place: RedisPlace;
  readonly connections: Connections;
  /** One that follows the Redis is adjusted with each sign of life. */
  readonly clock: Clock;
  readonly leaseMs: number;
}

/**
 * One replicator at the queue on Redis: its session, what it has claimed, its workers that wait, and the call that wakes those of others.
 *
 * ```text
 *   Session ── join, leave, beat, vanished, lost ──▶ RedisReplicator ◀── look, abandon ── IdleWorkers ◀── Wake
 *                                                          │
 *                                                       Claims
 * ```
 */
export class RedisReplicator implements SessionOwner, ClaimsOwner, WorkSource {
  settings: QueueSettings;
  readonly usersMax: number;
  readonly scripts: ScriptRunner;
  readonly claims: Claims;
  readonly idle: IdleWorkers;
  readonly waiters: RedisWaiters;
  readonly #options: RedisQueueOptions;
  readonly #logger: Logger;
  readonly #at: ReplicatorPlace;
  readonly #base: string;
  readonly #session: Session;
  readonly #presence: Presence;
  readonly #wake: Wake;
  #mustRefresh = false;
  #isClosed = false;

  constructor(options: RedisQueueOptions, at: ReplicatorPlace) {
    const { random, logger = silentLogger, prefix = prefixDefault, backend } = options;
    const { connections, place, clock, leaseMs } = at;
    const base = keyBase(options);
    this.#options = options;
    this.#logger = logger;
    this.#at = at;
    this.#base = base;
    this.settings = options.settings;
    this.usersMax = options.usersMax ?? usersMaxDefault;
    this.scripts = new ScriptRunner(connections.commands, base, place.place);
    const { scripts } = this;
    this.claims = new Claims({ scripts, clock, random, logger, owner: this });
    const { claims } = this;
    const member = {
      hostname: options.hostname ?? hostnameOfSystem(),
      pid: process.pid,
      startedAt: systemClock.now(),
      leaseMs,
    };
    this.#presence = new Presence({
      redis: connections.commands,
      scripts,
      claims,
      prefix,
      backend,
      member,
      logger,
    });
    const connection = connections.worker;
    this.#session = new Session({ connection, member, base, leaseMs, logger, owner: this });
    this.idle = new IdleWorkers(this, clock);
    this.#wake = new Wake({ connection, base, leaseMs, logger, idle: this.idle });
    this.waiters = new RedisWaiters(connections.answers, base, () =>
      redisError(new Error('the connection was lost'), place.place),
    );
  }

  async open(): Promise<void> {
    await this.#loadScripts();
    this.#at.connections.commands.on('ready', () => {
      this.#loadScripts().catch(() => {});
      this.idle.serve();
      this.#options.events?.returned?.();
    });
    await this.waiters.open();
    await this.#session.open();
    await this.#wake.open();
    if (this.#mustRefresh) await this.refresh();
  }

  /** A Redis that was started anew has forgotten the scripts; the order of commands is kept if it gets them first. */
  async #loadScripts(): Promise<void> {
    const { commands } = this.#at.connections;
    await Promise.all(Object.values(scriptTexts).map((text) => commands.script('LOAD', text)));
  }

  get session(): string {
    return this.#session.id;
  }

  async join(session: string): Promise<void> {
    const isAsPlanned = (await this.scripts.count('join', this.claims.input({ session }))) === 1;
    if (!isAsPlanned) this.#mustRefresh = true;
    await this.#presence.enter(session);
  }

  async leave(session: string): Promise<void> {
    await this.scripts.run('leave', this.claims.input({ session }));
    this.idle.serve();
    this.#wake.others();
  }

  async beat(session: string): Promise<void> {
    const { clock } = this.#at;
    await Promise.all([
      this.claims.readOthers(),
      this.#presence.beat(session),
      clock instanceof RedisClock ? clock.adjust() : undefined,
    ]);
  }

  vanished(): void {
    this.#options.events?.vanished?.();
  }

  async lost(): Promise<void> {
    this.claims.drop();
    const { commands } = this.#at.connections;
    if ((await commands.hsetnx(`${this.#base}:meta`, 'format', '1')) === 0) return;
    const redis = this.#at.place.place;
    this.#logger.error({ redis }, 'Redis has come back empty: every user is to be synced anew');
    this.#options.events?.emptied?.();
  }

  renew(): Promise<void> {
    return this.#session.renew();
  }

  async look(): Promise<Look> {
    const look = await this.claims.look();
    if (look.ready > 0 && this.idle.count <= 1) this.#wake.others();
    return look;
  }

  abandon(claim: Claim): Promise<number> {
    return this.claims.abandon(claim);
  }

  /** So many users are ready: somebody is to look after them. */
  wake(ready: number): void {
    if (ready > this.idle.count) this.#wake.others();
    // When nobody can begin, the instant when somebody can may be nearer now.
    this.idle.serve();
  }

  /** Computes due times anew, after the full-sync interval has changed or the clock was set back. */
  async refresh(): Promise<void> {
    for (const channel of this.settings.channels)
      for (let cursor = '0'; !this.#isClosed; ) {
        const input = this.claims.input({ channel, cursor, count: redisLimits.usersPerScan });
        cursor = String(await this.scripts.run('refresh', input));
        if (cursor === '0') break;
      }
  }

  /** @param reason - what the waiters are told */
  async close(reason: DsyncdError): Promise<void> {
    this.#isClosed = true;
    this.idle.close();
    this.waiters.refuseAll(reason);
    // In this order: a replicator that leaves may have to wake others.
    await this.#session.close();
    await this.#wake.close();
    this.#at.connections.disconnect();
  }
}
