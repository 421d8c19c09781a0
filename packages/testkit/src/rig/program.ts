import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** The programs of a host and the folder of the app that each is. */
export const programFolders = {
  dsyncd: 'replicator',
  'dsync-server': 'dsync-server',
  'dsync-lmtp': 'lmtp',
  dsyncadm: 'dsyncadm',
} as const;
export type ProgramName = keyof typeof programFolders;

export const programFile = (name: ProgramName): string =>
  `${repository}apps/${programFolders[name]}/dist/main.js`;

/** One daemon of a host as a real process. Its log lines (JSON) are kept for the test to look at. */
export class Program {
  readonly name: ProgramName;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #partialLine = '';
  readonly #lines: string[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(name: ProgramName, args: readonly string[]) {
    this.name = name;
    this.#args = args;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Log lines so far, of all runs of the program. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Log lines that are JSON, parsed. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    return this.#lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    });
  }

  start(env: Readonly<Record<string, string>> = {}): void {
    if (this.isRunning) return;
    const child = spawn(process.execPath, [programFile(this.name), ...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#takeOutput(text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#takeOutput(text));
    child.once('exit', () => this.#wake());
  }

  /** Waits until a log line satisfies `isWanted`; fails when the program ends first. */
  async waitForLog(isWanted: (line: string) => boolean, fromIndex = 0): Promise<string> {
    for (let index = fromIndex; ; index++) {
      while (index >= this.#lines.length) {
        if (!this.isRunning) throw new Error(`${this.name} ended:\n${this.#lines.slice(-20).join('\n')}`);
        await new Promise<void>((resolve) => this.#waiters.add(resolve));
      }
      const line = this.#lines[index];
      if (line !== undefined && isWanted(line)) return line;
    }
  }

  /** Sends a signal and waits until the process has gone; answers its exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string> {
    const child = this.#child;
    if (child === undefined) return 0;
    if (this.isRunning) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return child.exitCode ?? child.signalCode ?? 0;
  }

  #takeOutput(text: string): void {
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = lines.pop() ?? '';
    this.#lines.push(...lines);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }
}
