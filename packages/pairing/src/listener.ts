import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type Clock, DsyncdError, deferred, messageOf } from '@dsyncd/core';
import { isProof, type PairingCode, proofOf } from './code.ts';
import { MessageStream } from './message-stream.ts';
import type { HostFacts } from './messages.ts';

export interface ListenOptions {
  /** Where to listen; port 0: any. */
  readonly address: string;
  readonly port: number;
  /** PEM; the code holds the fingerprint of its key. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly code: PairingCode;
  readonly facts: HostFacts;
  /** How long the code is good. */
  readonly validMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called with each attempt that came to nothing; no secret is in the text. */
  readonly onRefused: (from: string, reason: string) => void;
}

/** The other host, which has shown that it knows the code. */
export interface Joined {
  readonly stream: MessageStream;
  readonly peer: HostFacts;
  /** IP address that it came from. */
  readonly from: string;
}

export interface PairingListener {
  readonly port: number;
  /**
   * The first that knows the code; the code is used up then, and nobody else is let in.
   * @throws {DsyncdError} `DSYNCD_PAIR_EXPIRED` when nobody came in time, `DSYNCD_PAIR_REFUSED` after too many wrong codes
   */
  readonly joined: Promise<Joined>;
  close(): void;
}

/** A code can be guessed this often; with 72 random bits that is no chance at all. */
export const wrongCodesMax = 5;
/** Connections that have not shown the code yet: when more come, the oldest is dropped. */
const pendingMax = 16;
/** For the TLS handshake, and again for the first message. */
const helloMsMax = 10_000;
/** Binds the proofs to one TLS connection. */
export const exporterLabel = 'EXPERIMENTAL-dsyncd-pair';
export const exporterBytes = 32;

/** Waits for the host that has the code. */
export async function listenForJoiner(options: ListenOptions): Promise<PairingListener> {
  const server = createServer({
    cert: options.certificate,
    key: options.privateKey,
    minVersion: 'TLSv1.3',
    handshakeTimeout: helloMsMax,
  });
  const door = new Door(options, server);
  server.listen(options.port, options.address);
  try {
    await once(server, 'listening');
  } catch (error) {
    door.close();
    throw new DsyncdError(
      'DSYNCD_LISTEN',
      `cannot listen on ${options.address} port ${options.port}: ${messageOf(error)}`,
      { outcome: 'operator', hint: 'choose another port with --pair-port', cause: error },
    );
  }
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    joined: door.joined,
    close: () => door.close(),
  };
}

/** Connections until one has shown the code. Open, then closed: by the first right code, too many wrong ones, or time. */
class Door {
  readonly #options: ListenOptions;
  readonly #server: Server;
  readonly #pending = new Set<Socket>();
  readonly #streams = new Set<MessageStream>();
  readonly #cancelExpiry: () => void;
  readonly #joined = deferred<Joined>();
  #wrongCodes = 0;
  #isOpen = true;

  constructor(options: ListenOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    this.#cancelExpiry = options.clock.after(options.validMs, () => this.#end(expired(options.validMs)));
    options.signal?.addEventListener('abort', () => this.#end(asError(options.signal?.reason)), {
      once: true,
    });
    // Before TLS: a connection that never says anything counts, too.
    server.on('connection', (socket: Socket) => {
      this.#pending.add(socket);
      socket.once('close', () => this.#pending.delete(socket));
      const oldest = this.#pending.size > pendingMax ? this.#pending.values().next().value : undefined;
      oldest?.destroy();
    });
    server.on('tlsClientError', (_error, socket) => {
      socket.destroy();
      options.onRefused(socket.remoteAddress ?? '?', 'no TLS connection');
    });
    server.on('secureConnection', (socket) => void this.#admit(socket));
  }

  get joined(): Promise<Joined> {
    return this.#joined.promise;
  }

  close(): void {
    this.#end(new DsyncdError('DSYNCD_PAIR_LOST', 'the pairing was given up here', { outcome: 'operator' }));
  }

  async #admit(socket: TLSSocket): Promise<void> {
    const from = socket.remoteAddress ?? '?';
    const stream = new MessageStream(socket);
    this.#streams.add(stream);
    try {
      const { code, facts } = this.#options;
      const binding = socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
      const hello = await stream.receive('hello', helloMsMax);
      if (!this.#isOpen) throw codeUsed();
      if (!isProof(hello.proof, proofOf(code, 'join', binding))) throw this.#wrongCode();
      if (hello.facts.hostname === facts.hostname) throw sameName(facts.hostname);
      stream.send({ type: 'hello', proof: proofOf(code, 'init', binding), facts });
      this.#streams.delete(stream);
      this.#joined.resolve({ stream, peer: hello.facts, from });
      this.#shut();
    } catch (error) {
      const reason = asError(error).message;
      stream.fail(reason);
      this.#options.onRefused(from, reason);
      if (this.#wrongCodes >= wrongCodesMax) this.#end(tooManyWrong());
    } finally {
      this.#streams.delete(stream);
    }
  }

  #wrongCode(): DsyncdError {
    this.#wrongCodes++;
    return new DsyncdError('DSYNCD_PAIR_REFUSED', 'wrong code', { outcome: 'operator' });
  }

  #end(error: Error): void {
    if (!this.#isOpen) return;
    this.#joined.reject(error);
    this.#shut();
    for (const socket of this.#pending) socket.destroy();
  }

  #shut(): void {
    this.#isOpen = false;
    this.#cancelExpiry();
    this.#server.close();
    for (const stream of this.#streams) stream.fail(codeUsed().message);
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

const codeUsed = (): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_REFUSED', 'another host has used the code', { outcome: 'operator' });

const sameName = (hostname: string): DsyncdError =>
  new DsyncdError('DSYNCD_SAME_HOSTNAME', `both hosts call themselves ${hostname}`, {
    outcome: 'operator',
    hint: 'give one of them another name with --hostname',
  });

const expired = (validMs: number): DsyncdError =>
  new DsyncdError(
    'DSYNCD_PAIR_EXPIRED',
    `no host came with the code within ${Math.round(validMs / 1000)} seconds`,
    {
      outcome: 'transient',
      hint: 'run `dsyncadm pair init` again for a new code; check that the other host reaches this port',
    },
  );

const tooManyWrong = (): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_REFUSED', `${wrongCodesMax} wrong codes: the code is no longer good`, {
    outcome: 'operator',
    hint: 'see above from where they came; run `dsyncadm pair init` again for a new code',
  });
