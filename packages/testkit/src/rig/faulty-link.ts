import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Random, silentLogger } from '@dsyncd/core';
import { DsyncStream } from '@dsyncd/protocol';
import { type SyncAnswerer, startDoveadmServer } from '@dsyncd/transport';

/** What networks do to a connection in the middle of things. */
export const faults = ['reset', 'end', 'stall'] as const;
export type Fault = (typeof faults)[number];

/** Seen from the connecting side. */
export type Direction = 'there' | 'back';

/** What a connection meets, after how many bytes: of one direction, or of both together. */
export interface Fate {
  readonly fault: Fault;
  readonly afterBytes: number;
  readonly direction?: Direction;
}

export interface FaultyLinkOptions {
  readonly toPort: number;
  /** Chooses the fates, unless `nextFate` does. */
  readonly random: Random;
  readonly nextFate?: () => Fate;
}

/** Every connection meets its fault after some bytes, often a few, sometimes many: handshakes break as well as bodies. */
const bytesBeforeFaultMax = 300_000;

/** A relay on loopback in front of a host's port. Connections through it break until it is healed. */
export class FaultyLink {
  readonly #server: Server;
  readonly #options: FaultyLinkOptions;
  readonly #sockets = new Set<Socket>();
  readonly #counts = new Map<Fault, number>();
  readonly #passed: Record<Direction, number> = { there: 0, back: 0 };
  #isHealed = false;

  private constructor(server: Server, options: FaultyLinkOptions) {
    this.#server = server;
    this.#options = options;
    server.on('connection', (socket) => this.#relay(socket));
  }

  static async open(options: FaultyLinkOptions): Promise<FaultyLink> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultyLink(server, options);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the link is closed');
    return address.port;
  }

  /** Connections that met the fault. */
  count(fault: Fault): number {
    return this.#counts.get(fault) ?? 0;
  }

  /** Bytes that got through, of all connections. */
  get passed(): Readonly<Record<Direction, number>> {
    return this.#passed;
  }

  /** From now on every byte gets through; what hangs is cut. */
  heal(): void {
    this.#isHealed = true;
    for (const socket of this.#sockets) if (socket.isPaused()) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #relay(near: Socket): void {
    const far = connect({ port: this.#options.toPort, host: '127.0.0.1', allowHalfOpen: true });
    const fate = this.#chooseFate();
    let bytesLeft = fate.afterBytes;
    for (const [from, to, direction] of [
      [near, far, 'there'],
      [far, near, 'back'],
    ] as const) {
      const isCounted = fate.direction === undefined || fate.direction === direction;
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => {
        const isWhole = this.#isHealed || !isCounted;
        const passed = isWhole ? chunk : chunk.subarray(0, Math.max(0, bytesLeft));
        if (isCounted) bytesLeft -= chunk.length;
        this.#passed[direction] += passed.length;
        if (passed.length > 0) to.write(passed);
        if (!this.#isHealed && bytesLeft <= 0) this.#strike(fate.fault, near, far);
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  #chooseFate(): Fate {
    const { random, nextFate } = this.#options;
    if (nextFate !== undefined) return nextFate();
    const fault = faults[Math.floor(random.fraction() * faults.length)] ?? 'reset';
    return { fault, afterBytes: Math.floor(bytesBeforeFaultMax ** random.fraction()) };
  }

  #strike(fault: Fault, near: Socket, far: Socket): void {
    this.#counts.set(fault, this.count(fault) + 1);
    for (const socket of [near, far]) {
      socket.removeAllListeners('data');
      if (fault === 'reset') socket.resetAndDestroy();
      else if (fault === 'end') socket.end();
      else socket.pause();
    }
  }
}

/** What a scripted peer does once a sync has been asked of it. */
export type SyncScript = (
  user: string,
  stream: DsyncStream,
  link: Parameters<SyncAnswerer['answer']>[1],
) => Promise<void>;

export interface ScriptedPeer {
  readonly port: number;
  /** Users whose sync was asked for, in order. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** A peer behind a real doveadm server (plain TCP) that answers each sync by a script, be it nonsense. */
export async function startScriptedPeer(secret: string, script: SyncScript): Promise<ScriptedPeer> {
  const asked: string[] = [];
  const server = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    logger: silentLogger,
    answerer: {
      async prepare(user) {
        asked.push(user);
      },
      async answer(user, link) {
        await script(user, new DsyncStream(link), link);
        return { reusable: false };
      },
    },
  });
  return { port: server.port, asked, stop: () => server.stop(0) };
}
