import { DsyncdError, type SshDestination } from '@dsyncd/core';
import type { Client, ClientChannel, ConnectConfig } from 'ssh2';
import { connectSocket } from '../link/connect.ts';
import { abortError, describeConnectError, describeStreamError } from '../link/link-errors.ts';
import { HostKeyCheck } from './host-key.ts';
import { loadSsh, loadSshLogin, type SshSettings } from './ssh-login.ts';

/** sshd's MaxSessions, if no one changed it. */
const channelsMaxDefault = 10;
const keepAliveEveryMs = 15_000;
const keepAliveMissesMax = 3;

/** One SSH connection and the channels on it. */
export class SshConnection {
  readonly #peerName: string;
  readonly #client: Client;
  #channels = 0;
  #channelsMax = channelsMaxDefault;
  #isOver = false;

  private constructor(peerName: string, client: Client) {
    this.#peerName = peerName;
    this.#client = client;
    client.setMaxListeners(2 * channelsMaxDefault);
    client.on('close', () => {
      this.#isOver = true;
    });
    client.on('error', () => {
      this.#isOver = true; // its channels close, and say so to who uses them
    });
  }

  /** @throws {DsyncdError} `DSYNCD_SSH_HOST_KEY`, `DSYNCD_SSH_LOGIN` (operator), `DSYNCD_CONNECT` (transient). */
  static async open(
    destination: SshDestination,
    settings: SshSettings,
    signal: AbortSignal,
  ): Promise<SshConnection> {
    const hostKeys = await HostKeyCheck.load(destination, settings.knownHostsFiles);
    const login = await loadSshLogin(settings);
    const { host, port, name } = destination;
    const { Client } = await loadSsh();
    const socket = await connectSocket({ kind: 'tcp', tls: false, host, port, name }, signal);
    const client = new Client();
    await logIn(client, destination, hostKeys, signal, {
      ...login,
      sock: socket,
      username: destination.login,
      keepaliveInterval: keepAliveEveryMs,
      keepaliveCountMax: keepAliveMissesMax,
      readyTimeout: 0, // the signal has the deadline
    });
    return new SshConnection(name, client);
  }

  get channels(): number {
    return this.#channels;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get hasRoom(): boolean {
    return !this.#isOver && this.#channels < this.#channelsMax;
  }

  /**
   * Runs a command; `onFree` is called when its channel is gone.
   * @returns undefined when the peer takes no further channel on this connection.
   */
  async run(command: string, onFree: () => void): Promise<ClientChannel | undefined> {
    this.#channels++;
    const free = (): void => {
      this.#channels--;
      onFree();
    };
    try {
      const channel = await this.#exec(command);
      channel.once('close', free);
      return channel;
    } catch (error) {
      free();
      if (!isChannelRefused(error) || this.#channels === 0) throw this.#execError(error);
      this.#channelsMax = this.#channels;
      return undefined;
    }
  }

  end(): void {
    this.#isOver = true;
    this.#client.end();
  }

  destroy(): void {
    this.#isOver = true;
    this.#client.destroy();
  }

  #exec(command: string): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const onClose = (): void => reject(new Error('the connection was closed'));
      this.#client.once('close', onClose);
      this.#client.exec(command, (error, channel) => {
        this.#client.off('close', onClose);
        if (error === undefined) resolve(channel);
        else reject(error);
      });
    });
  }

  #execError(error: unknown): DsyncdError {
    return describeStreamError(this.#peerName, error instanceof Error ? error : new Error(String(error)));
  }
}

/** sshd allows no more sessions on one connection: its MaxSessions is lower than usual. */
const isChannelRefused = (error: unknown): boolean =>
  error instanceof Error && 'reason' in error && error.message.includes('Channel open failure');

function logIn(
  client: Client,
  destination: SshDestination,
  hostKeys: HostKeyCheck,
  signal: AbortSignal,
  config: ConnectConfig,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let hostKeyProblem: DsyncdError | undefined;
    const finish = (error: DsyncdError | undefined): void => {
      signal.removeEventListener('abort', onAbort);
      client.off('ready', onReady).off('close', onClose);
      if (error === undefined) {
        resolve();
        return;
      }
      client.destroy();
      reject(error);
    };
    const onReady = (): void => finish(undefined);
    const onAbort = (): void => finish(abortError(destination.name, signal));
    const onClose = (): void =>
      finish(describeConnectError(destination.name, new Error('the peer closed the connection')));
    client.once('ready', onReady);
    client.once('close', onClose);
    // Stays, as an error that no one listens for would end the process.
    client.on('error', (error) => finish(hostKeyProblem ?? loginError(destination, config, error)));
    signal.addEventListener('abort', onAbort, { once: true });
    client.connect({
      ...config,
      algorithms: { serverHostKey: hostKeys.algorithms },
      hostVerifier: (key: Buffer) => {
        hostKeyProblem = hostKeys.problemOf(key);
        return hostKeyProblem === undefined;
      },
    });
    if (signal.aborted) onAbort();
  });
}

function loginError(
  destination: SshDestination,
  config: ConnectConfig,
  error: Error & { level?: string },
): DsyncdError {
  if (error.level !== 'client-authentication') return describeConnectError(destination.name, error);
  const tried = config.privateKey === undefined ? 'the keys of the agent' : 'our key';
  return new DsyncdError(
    'DSYNCD_SSH_LOGIN',
    `${destination.name} does not accept ${tried} for ${destination.login}`,
    {
      outcome: 'operator',
      hint: `add the public key to ~/.ssh/authorized_keys of ${destination.login} on ${destination.host}`,
      cause: error,
    },
  );
}
