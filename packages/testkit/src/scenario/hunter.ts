import type { Random } from '@dsyncd/core';
import type { Host } from '../rig/host.ts';
import type { Program } from '../rig/program.ts';
import { until } from '../until.ts';

const pauseMaxMs = 300;
/** So often a program is killed again while it is still starting. */
const shareKilledAtStart = 0.25;

export interface HunterOptions {
  readonly host: Host;
  readonly random: Random;
  /** {@link Hunter.stop} waits until so many programs were killed. */
  readonly killsMin: number;
}

/** Kills a random program of a host again and again, and starts it anew. */
export class Hunter {
  kills = 0;
  #isStopped = false;
  #failure: unknown;
  readonly #options: HunterOptions;
  readonly #hunt: Promise<void>;

  constructor(options: HunterOptions) {
    this.#options = options;
    this.#hunt = this.#run().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  get #isOver(): boolean {
    return this.#isStopped && this.kills >= this.#options.killsMin;
  }

  async #run(): Promise<void> {
    const { host, random } = this.#options;
    const programs = [...host.programs.values()];
    while (!this.#isOver) {
      const program = programs[Math.floor(random.fraction() * programs.length)];
      if (program === undefined) return;
      await this.#kill(program);
      if (random.fraction() < shareKilledAtStart) {
        program.start();
        await this.#kill(program);
      }
      await host.startProgram(program.name);
    }
  }

  async #kill(program: Program): Promise<void> {
    const killAt = Date.now() + this.#options.random.fraction() * pauseMaxMs;
    await until('the next moment to kill', () => Date.now() >= killAt);
    await program.end('SIGKILL');
    this.kills++;
  }

  /**
   * Ends the hunt; every program runs then.
   * @throws when a killed program could not be started again
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#hunt;
    if (this.#failure !== undefined) throw new Error(`the hunt ended: ${String(this.#failure)}`);
  }
}
