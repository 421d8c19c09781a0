import type { Random } from '@dsyncd/core';
import type { Host } from '../rig/host.ts';
import type { ProgramName } from '../rig/program.ts';
import { until } from '../until.ts';

const pauseMaxMs = 300;

/** Kills a random program of a random host again and again, and starts it anew. */
export class Hunter {
  kills = 0;
  #isStopped = false;
  #failure: unknown;
  readonly #hunt: Promise<void>;

  constructor(hosts: readonly Host[], random: Random) {
    this.#hunt = this.#run(hosts, random).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  async #run(hosts: readonly Host[], random: Random): Promise<void> {
    while (!this.#isStopped) {
      const host = hosts[Math.floor(random.fraction() * hosts.length)];
      if (host === undefined) return;
      const names: ProgramName[] = [...host.programs.keys()];
      const name = names[Math.floor(random.fraction() * names.length)];
      if (name === undefined) return;
      const killAt = Date.now() + random.fraction() * pauseMaxMs;
      await until('the next moment to kill', () => this.#isStopped || Date.now() >= killAt);
      if (this.#isStopped) return;
      await host.program(name).end('SIGKILL');
      this.kills++;
      await host.startProgram(name);
    }
  }

  /**
   * Ends the hunt; every program runs then.
   * @throws when a killed program could not be started again
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#hunt;
    if (this.#failure !== undefined) throw this.#failure;
  }
}
