import { type ChildProcess, spawn } from 'node:child_process';
import { programFile, until } from '@dsyncd/testkit';

/** One line of `--json`. */
export interface PairEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** `dsyncadm pair` on one host, whose root is a folder. */
export class PairCommand {
  readonly events: PairEvent[] = [];
  stderr = '';
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], input: string) {
    const child = spawn(process.execPath, [programFile('dsyncadm'), 'pair', ...args, '--yes', '--json'], {
      stdio: 'pipe',
    });
    this.#child = child;
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      this.events.push(...lines.map((line) => JSON.parse(line) as PairEvent));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    this.ended = new Promise((resolve) =>
      child.once('close', (code, signal) => resolve(code ?? signal ?? -1)),
    );
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async event(name: string): Promise<PairEvent> {
    const find = (): PairEvent | undefined => this.events.find(({ event }) => event === name);
    await until(`event ${name}: ${this.stderr}`, () => find() !== undefined);
    return find() as PairEvent;
  }
}
