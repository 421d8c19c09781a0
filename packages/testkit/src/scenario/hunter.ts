import type { Random } from '@dsyncd/core';
import type { Host } from '../rig/host.ts';
import type { ProgramName } from '../rig/program.ts';
import { until } from '../until.ts';

/** Kills a random program of a random host again and again, and starts it anew. */
export class Hunter {
  kills = 0;
  #isStopped = false;
  readonly #hunt: Promise<void>;

  constructor(hosts: readonly Host[], random: Random) {
    this.#hunt = this.#run(hosts, random);
  }

  async #run(hosts: readonly Host[], random: Random): Promise<void> {
    const names: ProgramName[] = ['dsyncd', 'dsync-server', 'dsync-lmtp'];
    while (!this.#isStopped) {
      const host = hosts[Math.floor(random.fraction() * hosts.length)];
      const name = names[Math.floor(random.fraction() * names.length)];
      if (host === undefined || name === undefined) continue;
      const killAt = Date.now() + random.fraction() * 300;
      await until('the next moment to kill', () => this.#isStopped || Date.now() >= killAt);
      await host.program(name).end('SIGKILL');
      this.kills++;
      await host.startProgram(name);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#hunt;
  }
}
