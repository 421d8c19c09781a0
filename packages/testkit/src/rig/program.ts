import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** The programs of a host. */
export type ProgramName = 'dsyncd' | 'dsync-server' | 'dsync-lmtp' | 'dsyncadm';

/** What `npm run build` made of it, and what is installed. */
export const programFile = (name: ProgramName): string => `${repository}build/${name}.js`;

/** As the units in deploy/systemd set it. */
const installedEnvironment = {
  UV_THREADPOOL_SIZE: '16',
  MALLOC_MMAP_THRESHOLD_: '262144',
  MALLOC_ARENA_MAX: '2',
};

/** One daemon of a host as a real process. Its log lines (JSON) are kept for the test. */
export class Program {
  readonly name: ProgramName;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  /** Set while the process or one of its output pipes is still open. */
  #closed: Promise<unknown> | undefined;
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

  /** True until the process has ended and its last line has been read. */
  get isRunning(): boolean {
    return this.#closed !== undefined;
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
      env: { ...process.env, ...installedEnvironment, ...env },
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#takeOutput(text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#takeOutput(text));
    // Not 'exit': what the process wrote last may still lie in the pipe then.
    const closed = once(child, 'close').catch((error: unknown) => this.#takeOutput(`${String(error)}\n`));
    this.#closed = closed.then(() => {
      this.#closed = undefined;
      if (this.#partialLine !== '') this.#takeOutput('\n');
      this.#wake();
    });
  }

  /** Sends a signal and does not wait: SIGHUP. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Waits until a log line satisfies `isWanted`; fails when the program ends first, or after `timeoutMs`. */
  async waitForLog(isWanted: (line: string) => boolean, fromIndex = 0, timeoutMs = 30_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    const last = (): string => `:\n${this.#lines.slice(-20).join('\n')}`;
    for (let index = fromIndex; ; index++) {
      while (index >= this.#lines.length) {
        if (!this.isRunning) throw new Error(`${this.name} ended${last()}`);
        if (Date.now() >= deadline)
          throw new Error(`${this.name} did not log it in ${timeoutMs} ms${last()}`);
        await this.#nextLine(deadline - Date.now());
      }
      const line = this.#lines[index];
      if (line !== undefined && isWanted(line)) return line;
    }
  }

  /** Sends a signal and waits until the process has gone; answers its exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string> {
    const child = this.#child;
    if (child === undefined) return 0;
    child.kill(signal);
    await this.#closed;
    return child.exitCode ?? child.signalCode ?? 0;
  }

  async #nextLine(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiters.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
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

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `dsyncadm` (or another program of ours) to its end. */
export async function runProgram(
  name: ProgramName,
  args: readonly string[],
  input: string | Buffer = '',
): Promise<CommandResult> {
  const child = spawn(process.execPath, [programFile(name), ...args], { stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program that does not want its input ends before it has read it.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, stdout, stderr };
}

/** Below the ports that the system gives to outgoing connections: none of those may take one that we found free. */
const portMin = 10_000;
const portMax = 32_000;
/** Processes begin far apart, so that two that run side by side do not try the same ports. */
const stride = 977;
let next = portMin + ((process.pid * stride) % (portMax - portMin));

/** A TCP port on loopback that was free a moment ago, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (let tries = portMin; tries < portMax; tries++) {
    const port = next;
    next = next + 1 < portMax ? next + 1 : portMin;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${portMin} to ${portMax} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
