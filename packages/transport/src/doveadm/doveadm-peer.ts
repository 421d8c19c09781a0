import {
  type Clock,
  DsyncdError,
  type Logger,
  type TcpDestination,
  type UnixDestination,
  type UserName,
} from '@dsyncd/core';
import { connectSocket } from '../link/connect.ts';
import { abortError, connectTimeout, peerClosed } from '../link/link-errors.ts';
import { StreamLink } from '../link/stream-link.ts';
import type { Peer, SyncConnection } from '../port.ts';
import { ClientTls, type ClientTlsSettings } from '../tls/client-tls.ts';
import { ClientSession, type DoveadmCredentials } from './client-session.ts';
import { IdleSessions } from './idle-sessions.ts';

export interface DoveadmPeerSettings extends DoveadmCredentials {
  readonly tls: ClientTlsSettings;
  readonly logger: Logger;
  readonly clock: Clock;
  /** From the start of connecting to the end of the login. */
  readonly connectTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly idleConnectionsMax: number;
  readonly idleTimeoutMs: number;
}

/** A dsync server or a Dovecot behind a socket. */
export class DoveadmPeer implements Peer {
  readonly name: string;
  readonly #destination: TcpDestination | UnixDestination;
  readonly #settings: DoveadmPeerSettings;
  readonly #tls: ClientTls;
  readonly #idle: IdleSessions;
  readonly #busy = new Set<ClientSession>();
  readonly #connecting = new Set<AbortController>();
  #isClosed = false;

  constructor(destination: TcpDestination | UnixDestination, settings: DoveadmPeerSettings) {
    this.name = destination.name;
    this.#destination = destination;
    this.#settings = settings;
    this.#tls = new ClientTls(settings.tls);
    const { idleConnectionsMax: countMax, idleTimeoutMs: timeoutMs } = settings;
    this.#idle = new IdleSessions({ countMax, timeoutMs }, settings.clock);
  }

  async startSync(user: UserName, signal: AbortSignal): Promise<SyncConnection> {
    if (this.#isClosed) throw peerClosed(this.name);
    if (signal.aborted) throw abortError(this.name, signal);
    const kept = this.#idle.take();
    if (kept !== undefined) {
      const receivedBefore = kept.link.bytesReceived;
      try {
        return await this.#startOn(kept, user, signal);
      } catch (error) {
        // The peer may have closed the kept connection while our command was under way: it knows nothing of it.
        const isUnanswered = kept.link.bytesReceived === receivedBefore;
        if (!isUnanswered || signal.aborted || this.#isClosed) throw error;
        this.#settings.logger.debug({ peer: this.name, reason: String(error) }, 'kept connection was dead');
      }
    }
    return this.#startOn(await this.#connect(signal), user, signal);
  }

  async close(): Promise<void> {
    const error = peerClosed(this.name);
    this.#isClosed = true;
    this.#idle.closeAll();
    for (const attempt of this.#connecting) attempt.abort(error);
    for (const { link } of this.#busy) link.fail(error);
    this.#busy.clear();
  }

  async #startOn(session: ClientSession, user: UserName, signal: AbortSignal): Promise<SyncConnection> {
    this.#busy.add(session);
    try {
      return await session.startSync(user, signal, (reusable) => this.#release(session, reusable));
    } catch (error) {
      // Only our own server says busy, and it then waits for the next command.
      this.#release(session, error instanceof DsyncdError && error.outcome === 'busy');
      throw error;
    }
  }

  #release(session: ClientSession, reusable: boolean): void {
    this.#busy.delete(session);
    const isKept = reusable && !this.#isClosed;
    session.end(isKept);
    if (isKept) this.#idle.put(session);
  }

  async #connect(signal: AbortSignal): Promise<ClientSession> {
    const attempt = new AbortController();
    const onAbort = (): void => attempt.abort(signal.reason);
    const cancelTimeout = this.#settings.clock.after(this.#settings.connectTimeoutMs, () =>
      attempt.abort(connectTimeout(this.name, this.#settings.connectTimeoutMs)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    this.#connecting.add(attempt);
    try {
      return await this.#connectAndLogIn(attempt.signal);
    } finally {
      this.#connecting.delete(attempt);
      signal.removeEventListener('abort', onAbort);
      cancelTimeout();
    }
  }

  async #connectAndLogIn(signal: AbortSignal): Promise<ClientSession> {
    const { clock, stallTimeoutMs } = this.#settings;
    const socket = await connectSocket(this.#destination, signal, this.#tls);
    const link = new StreamLink(socket, socket, { peerName: this.name, stallTimeoutMs, clock });
    link.bind(signal);
    try {
      return await ClientSession.logIn(link, this.#settings);
    } catch (error) {
      link.close();
      throw error;
    }
  }
}
