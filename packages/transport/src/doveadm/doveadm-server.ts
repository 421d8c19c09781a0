import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls';
import { type Clock, DsyncdError, type Logger, messageOf, systemClock } from '@dsyncd/core';
import type { SyncAnswerer } from '../port.ts';
import { clientCertificateProblem, loadServerTls, type ServerTlsSettings } from '../tls/server-tls.ts';
import { ClientConnection, type ServiceSettings } from './client-connection.ts';
import { PendingLogins } from './pending-logins.ts';

export interface DoveadmServerSettings {
  /** Address to listen on; missing: all, IPv4 and IPv6. */
  readonly address?: string;
  /** 0 takes a free one, see {@link DoveadmServer.port}. */
  readonly port: number;
  /** Missing: plain TCP. */
  readonly tls?: ServerTlsSettings;
  /** Shared with all clients. Empty: no one is let in. */
  readonly secret: string;
  readonly answerer: SyncAnswerer;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** All connections together. Default 200. */
  readonly connectionsMax?: number;
  /** Connections that have not logged in yet; half of them of one address. With more, the oldest are dropped. Default 20. */
  readonly pendingLoginsMax?: number;
  /** From the connection to the end of the login, TLS included. Default 10 s. */
  readonly loginTimeoutMs?: number;
  /** A logged-in connection without a command. Default 5 min. */
  readonly idleTimeoutMs?: number;
  /** During a sync. Default 60 s. */
  readonly stallTimeoutMs?: number;
}

export interface DoveadmServer {
  readonly port: number;
  /**
   * Reads certificate, key and CA again, for new connections; takes a new secret.
   * @throws {DsyncdError} `DSYNCD_TLS_FILE` (operator): the old ones stay in use.
   */
  reload(changes?: { readonly secret?: string }): Promise<void>;
  /** Accepts no more, ends idle connections, and gives running syncs `graceMs` to end. */
  stop(graceMs: number): Promise<void>;
}

/** The dsync server: what `tcp:` and `tcps:` destinations, ours or Dovecot's, connect to. */
export async function startDoveadmServer(settings: DoveadmServerSettings): Promise<DoveadmServer> {
  const service = new DoveadmService(settings);
  await service.start();
  return service;
}

const refusalsLoggedEveryMs = 60_000;

class DoveadmService implements DoveadmServer {
  readonly #settings: DoveadmServerSettings;
  readonly #service: ServiceSettings;
  readonly #clock: Clock;
  readonly #connectionsMax: number;
  readonly #loginTimeoutMs: number;
  readonly #clients = new Set<ClientConnection>();
  /** By remote address and port, which a TLS socket shares with the bare one below it. */
  readonly #pendingLogins: PendingLogins;
  #server: Server | undefined;
  #secret: string;
  #refused = 0;
  #refusalLoggedAt = Number.NEGATIVE_INFINITY;

  constructor(settings: DoveadmServerSettings) {
    const { logger, answerer, idleTimeoutMs = 300_000, stallTimeoutMs = 60_000 } = settings;
    this.#settings = settings;
    this.#clock = settings.clock ?? systemClock;
    this.#connectionsMax = settings.connectionsMax ?? 200;
    this.#pendingLogins = new PendingLogins(settings.pendingLoginsMax ?? 20);
    this.#loginTimeoutMs = settings.loginTimeoutMs ?? 10_000;
    this.#secret = settings.secret;
    this.#service = { logger, answerer, idleTimeoutMs, stallTimeoutMs, clock: this.#clock };
  }

  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async start(): Promise<void> {
    const { tls, address, port } = this.#settings;
    const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 };
    const server =
      tls === undefined
        ? createTcpServer(socketOptions)
        : createTlsServer({ ...(await loadServerTls(tls)), ...socketOptions });
    this.#server = server;
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
    if (server instanceof TlsServer) {
      server.on('secureConnection', (socket) => this.#serve(socket));
      server.on('tlsClientError', (error, socket) => {
        // Port scans and health checks end here too: no more than a note.
        const peer = socket.remoteAddress ?? 'unknown';
        this.#settings.logger.info({ peer, reason: error.message }, 'TLS handshake with a client failed');
      });
    }
    server.listen({ port, host: address });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw listenError(address, port, error);
    }
    server.on('error', (error: Error) =>
      this.#settings.logger.error({ reason: error.message }, 'listener failed'),
    );
  }

  async reload(changes: { readonly secret?: string } = {}): Promise<void> {
    const { tls } = this.#settings;
    if (tls !== undefined && this.#server instanceof TlsServer)
      this.#server.setSecureContext(await loadServerTls(tls));
    this.#secret = changes.secret ?? this.#secret;
  }

  async stop(graceMs: number): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    this.#pendingLogins.endAll();
    for (const client of this.#clients) client.stopWhenIdle();
    const cancel = this.#clock.after(graceMs, () => {
      const error = new DsyncdError('DSYNCD_SERVER_STOPPING', 'the dsync server is being stopped', {
        outcome: 'transient',
      });
      for (const client of this.#clients) client.abort(error);
    });
    await closed;
    cancel();
  }

  /** The bare TCP connection: limits hold before any TLS work is done for it. */
  #onConnection(socket: Socket): void {
    socket.on('error', () => {}); // the reader reports it; errors of refused ones do not matter
    if (this.#clients.size >= this.#connectionsMax) {
      this.#refuse(socket);
      return;
    }
    if (this.#clients.size + this.#pendingLogins.size >= this.#connectionsMax)
      this.#refuse(this.#pendingLogins.evict());
    const key = addressOf(socket);
    this.#refuse(this.#pendingLogins.add(key, socket));
    socket.once('close', () => this.#pendingLogins.delete(key));
    if (this.#server instanceof TlsServer) this.#limitHandshake(socket, key);
    else this.#serve(socket);
  }

  /** The login has its own limit; this one is for what comes before it. */
  #limitHandshake(socket: Socket, key: string): void {
    const cancel = this.#clock.after(this.#loginTimeoutMs, () => {
      if (this.#pendingLogins.has(key)) socket.destroy();
    });
    socket.once('close', cancel);
  }

  #serve(socket: Socket): void {
    const key = addressOf(socket);
    const client = new ClientConnection(socket, `client ${key}`, this.#service);
    socket.once('close', () => this.#clients.delete(client));
    const certificateProblem = clientCertificateProblem(socket, this.#settings.tls);
    void client.run({
      secret: this.#secret,
      certificateProblem,
      loginTimeoutMs: this.#loginTimeoutMs,
      refuse: () => this.#pendingLogins.refuse(socket.remoteAddress ?? ''),
      onAdmitted: () => {
        this.#pendingLogins.admit(key, socket.remoteAddress ?? '');
        this.#clients.add(client);
      },
    });
  }

  #refuse(socket: Socket | undefined): void {
    if (socket === undefined) return;
    this.#noteRefusal(socket);
    socket.destroy();
  }

  #noteRefusal(socket: Socket): void {
    this.#refused++;
    if (this.#clock.elapsed() - this.#refusalLoggedAt < refusalsLoggedEveryMs) return;
    this.#refusalLoggedAt = this.#clock.elapsed();
    const fields = {
      peer: addressOf(socket),
      refused: this.#refused,
      hint: 'raise the limit of connections or find who connects',
    };
    this.#settings.logger.warn(fields, 'too many connections: refused');
    this.#refused = 0;
  }
}

const addressOf = (socket: Socket): string => `[${socket.remoteAddress ?? ''}]:${socket.remotePort ?? 0}`;

function listenError(address: string | undefined, port: number, error: unknown): DsyncdError {
  const text = messageOf(error);
  return new DsyncdError('DSYNCD_LISTEN', `cannot listen on ${address ?? '*'} port ${port}: ${text}`, {
    outcome: 'operator',
    hint: 'check listeners.doveadm, and whether another program (Dovecot?) has that port',
    cause: error,
  });
}
