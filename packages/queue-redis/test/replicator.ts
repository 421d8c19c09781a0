import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '@dsyncd/testkit';
import { onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('./replicator-child.mjs', import.meta.url));
export const leaseMs = 900;

/** A replicator in a process of its own. */
export class Replicator {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;

  constructor(url: string, locks: string, workers: number, syncMs: number | 'hang', backend = 'mail') {
    this.#child = spawn(
      process.execPath,
      [program, url, locks, String(workers), String(syncMs), String(leaseMs), backend],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (this.#child.stdout === null) throw new Error('no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.lines.push(line));
    onTestFinished(() => this.end('SIGKILL'));
  }

  static async start(...args: ConstructorParameters<typeof Replicator>): Promise<Replicator> {
    const replicator = new Replicator(...args);
    await replicator.says(/^READY/);
    return replicator;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  count(shape: RegExp): number {
    return this.lines.filter((line) => shape.test(line)).length;
  }

  async says(shape: RegExp): Promise<void> {
    await until(`a replicator says ${shape}`, () => this.count(shape) > 0);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }
}
