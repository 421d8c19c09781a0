import { join } from 'node:path';
import type { Host } from '../rig/host.ts';
import { createPair } from '../rig/host-group.ts';
import type { Program } from '../rig/program.ts';
import { RedisServer } from '../rig/redis.ts';
import { until } from '../until.ts';

/** A dsyncd with idle workers asks nobody for help; one has none soon. */
const workersOfEach = 1;

/** A pair of hosts with their queues on one Redis; host A has two replicators, of which one is killed. */
export class SharedQueue {
  readonly hosts: readonly [Host, Host];
  readonly redis: RedisServer;
  readonly #second: Program;
  #syncsBefore = 0;
  #deliveredBefore = 0;

  private constructor(redis: RedisServer, hosts: readonly [Host, Host], second: Program) {
    this.redis = redis;
    this.hosts = hosts;
    this.#second = second;
  }

  static async start(folder: string): Promise<SharedQueue> {
    const redis = await RedisServer.start({ folder: join(folder, 'redis') });
    try {
      const { a, b } = await createPair({
        folder,
        hasHttp: true,
        settings: [`replication_max_conns = ${workersOfEach}`],
        redis: [`url = ${JSON.stringify(redis.url)}`],
      });
      return new SharedQueue(redis, [a, b], await a.addReplicator('second'));
    } catch (error) {
      await redis.end('SIGKILL');
      throw error;
    }
  }

  get #first(): Program {
    return this.hosts[0].program('dsyncd');
  }

  async startPrograms(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.start()));
    this.#second.start();
    await this.#second.waitForLog((line) => line.includes('"msg":"ready"'));
  }

  /**
   * Kills the replicator that takes host A's notifications when half of the mails are delivered and both have
   * worked. It stays dead: the other one has to find what it left.
   */
  async killOne(delivered: () => number, total: number): Promise<void> {
    await until(
      'both replicators of host A have worked',
      () => delivered() >= total / 2 && syncsOf(this.#first) > 0 && syncsOf(this.#second) > 0,
      { timeoutMs: 60_000 + total * 100, everyMs: 5 },
    );
    this.#deliveredBefore = delivered();
    await this.#first.end('SIGKILL');
    this.#syncsBefore = syncsOf(this.#second);
  }

  /** The lines of the report; with what is not as it should be. */
  async report(): Promise<{ readonly lines: readonly string[]; readonly flaws: readonly string[] }> {
    const first = syncsOf(this.#first);
    const second = syncsOf(this.#second);
    const waiting = await this.#waiting();
    return {
      lines: [
        `Queue             on Redis ${this.redis.cli('INFO', 'server').match(/redis_version:(\S+)/)?.[1] ?? ''}, one for each host; host A has two replicators`,
        `Shared            ${first} syncs by the first of A, ${this.#syncsBefore} by the second at that time`,
        `Killed            the first of A with kill -9 after ${this.#deliveredBefore} mails; it stayed dead`,
        `Taken over        ${second - this.#syncsBefore} more syncs by the second; ${waiting} users wait`,
      ],
      flaws: [
        ...(first === 0 || this.#syncsBefore === 0 ? ['the replicators did not share the work'] : []),
        ...(second === this.#syncsBefore
          ? ['the second replicator did nothing after the first was killed']
          : []),
        ...(waiting === 0 ? [] : [`${waiting} users of host A still wait for a sync`]),
      ],
    };
  }

  /** Users of host A of whom a change is not replicated, as soon as there is none, else after a while. */
  async #waiting(): Promise<number> {
    const key = `dsyncd:{${this.hosts[0].hostname}}:oldest:default`;
    const count = (): number => Number(this.redis.cli('ZCARD', key));
    await until('nobody waits', () => count() === 0).catch(() => {});
    return count();
  }

  async stop(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.stop()));
    await this.redis.end('SIGKILL');
  }
}

const syncsOf = ({ log }: Program): number => log.filter(({ msg }) => msg === 'sync done').length;
