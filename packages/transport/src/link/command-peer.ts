import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type Clock, type CommandDestination, DsyncdError, systemCode, type UserName } from '@dsyncd/core';
import type { Peer, SyncConnection } from '../port.ts';
import { abortError, peerClosed } from './link-errors.ts';
import { ProcessEnd } from './stdio.ts';
import { StreamLink } from './stream-link.ts';
import { SyncLink } from './sync-link.ts';

export interface CommandPeerSettings {
  readonly clock: Clock;
  readonly stallTimeoutMs: number;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** What a process gets to end by itself, and then after SIGTERM. */
const endGraceMs = 2000;

/**
 * A dsync server that is a child process: one for each sync. There is no answer to wait for: what the server
 * refuses comes as an error of the link, with the outcome that the exit status stands for.
 */
export class CommandPeer implements Peer {
  readonly name: string;
  readonly #destination: CommandDestination;
  readonly #settings: CommandPeerSettings;
  readonly #running = new Map<Child, StreamLink>();
  #isClosed = false;

  constructor(destination: CommandDestination, settings: CommandPeerSettings) {
    this.name = destination.name;
    this.#destination = destination;
    this.#settings = settings;
  }

  async startSync(user: UserName, signal: AbortSignal): Promise<SyncConnection> {
    if (this.#isClosed) throw peerClosed(this.name);
    if (signal.aborted) throw abortError(this.name, signal);
    const { link, child } = this.#start(user);
    link.bind(signal);
    if (this.#destination.sendsUserName === true) await link.write(`${user}\n`);
    return new SyncLink(link, {
      onRelease: () => {
        link.close(endGraceMs);
        this.#endLater(child);
      },
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const [child, link] of this.#running) {
      link.fail(peerClosed(this.name));
      child.kill('SIGKILL');
    }
  }

  #start(user: UserName): { child: Child; link: StreamLink } {
    const { command, args, env } = this.#destination;
    const { clock, stallTimeoutMs } = this.#settings;
    const filled = args.map((arg) => arg.replaceAll('%{user}', () => user));
    const child = spawn(command, filled, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: env === undefined ? undefined : { ...process.env, ...env },
    });
    const end = new ProcessEnd(this.name, clock);
    const link = new StreamLink(child.stdout, child.stdin, {
      peerName: this.name,
      stallTimeoutMs,
      clock,
      lastWords: () => end.error(),
    });
    this.#running.set(child, link);
    child.stderr.on('data', (chunk: Uint8Array) => end.onStderr(chunk));
    child.on('error', (error) => end.onFailure(startError(command, error)));
    child.on('close', (status, signalName) => {
      this.#running.delete(child);
      end.onEnd(status, signalName);
    });
    // However the link ended, no process is left behind.
    child.stdout.once('close', () => this.#endLater(child));
    return { child, link };
  }

  #endLater(child: Child): void {
    const isRunning = (): boolean => this.#running.has(child);
    this.#settings.clock.after(endGraceMs, () => {
      if (!isRunning()) return;
      child.kill('SIGTERM');
      this.#settings.clock.after(endGraceMs, () => {
        if (isRunning()) child.kill('SIGKILL');
      });
    });
  }
}

function startError(command: string, error: Error): DsyncdError {
  const isMissing = systemCode(error) === 'ENOENT' || systemCode(error) === 'EACCES';
  return new DsyncdError('DSYNCD_PROCESS_FAILED', `cannot start ${command}: ${error.message}`, {
    outcome: isMissing ? 'operator' : 'transient',
    ...(isMissing ? { hint: 'check that the program is installed and may be executed' } : {}),
    cause: error,
  });
}
