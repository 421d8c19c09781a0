import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { until } from '../until.ts';
import { freePort } from './program.ts';

export const redisServerProgram = '/usr/bin/redis-server';

export interface RedisServerOptions {
  readonly folder: string;
  /** What the test wants different, e.g. `['--requirepass', 'x']`. */
  readonly args?: readonly string[];
}

/** A real Redis with an append-only file of its own, on loopback. */
export class RedisServer {
  readonly folder: string;
  readonly port: number;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(folder: string, port: number, args: readonly string[]) {
    this.folder = folder;
    this.port = port;
    this.#args = args;
  }

  static async start({ folder, args = [] }: RedisServerOptions): Promise<RedisServer> {
    await mkdir(folder, { recursive: true });
    const persistence = ['--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'];
    const server = new RedisServer(folder, await freePort(), [...persistence, ...args]);
    await server.start();
    return server;
  }

  /** A sentinel; `config` is a file that it may write. */
  static async startSentinel(folder: string, config: string): Promise<RedisServer> {
    const server = new RedisServer(folder, await freePort(), [config, '--sentinel']);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it (again) on the same port and folder, and waits until it answers. */
  async start(): Promise<void> {
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder];
    const [first, ...rest] = this.#args;
    // A file of settings comes before all options.
    const args = first?.startsWith('--') ? [...place, ...this.#args] : [first ?? '', ...place, ...rest];
    const child = spawn(redisServerProgram, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4000);
      });
    await until('Redis answers', async () => {
      if (child.exitCode !== null) throw new Error(`Redis ended:\n${this.#output}`);
      return this.#answers();
    });
  }

  /** Loading its file counts as not answering. */
  async #answers(): Promise<boolean> {
    const socket = createConnection({ host: '127.0.0.1', port: this.port });
    try {
      await once(socket, 'connect');
      socket.write('PING\r\n');
      const [reply] = (await once(socket, 'data')) as [Buffer];
      return /^(\+PONG|-NOAUTH|-NOPERM)/.test(reply.toString());
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it as `signal` does; SIGKILL is a crash. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** Runs a command by redis-cli; answers what it printed. */
  cli(...args: readonly string[]): string {
    return execFileSync('/usr/bin/redis-cli', ['-p', String(this.port), ...args], {
      encoding: 'utf8',
    }).trim();
  }
}
