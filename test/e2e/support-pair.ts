import { type ChildProcess, spawn } from 'node:child_process';
import { programFile, until } from '@dsyncd/testkit';

/** One line of `--json`. */
export interface PairEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Starts dsyncadm on this machine. */
const startHere = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [programFile('dsyncadm'), ...args], { stdio: 'pipe' });

/** `dsyncadm pair ... --yes --json` on one host: one whose root is a folder, or another that `start` reaches. */
export class PairCommand {
  readonly events: PairEvent[] = [];
  stderr = '';
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], input: string, start = startHere) {
    const child = start(['pair', ...args, '--yes', '--json']);
    this.#child = child;
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      this.events.push(...lines.map((line) => JSON.parse(line) as PairEvent));
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk));
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    this.ended = new Promise((resolve) =>
      child.once('close', (code, signal) => resolve(code ?? signal ?? -1)),
    );
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async event(name: string): Promise<PairEvent> {
    const find = (): PairEvent | undefined => this.events.find(({ event }) => event === name);
    try {
      await until(`event ${name}`, () => find() !== undefined, { timeoutMs: 60_000 });
    } catch (error) {
      throw new Error(`${JSON.stringify(this.events)} ${this.stderr}`, { cause: error });
    }
    return find() as PairEvent;
  }
}
