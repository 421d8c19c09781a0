import { type Clock, DsyncdError, type SshDestination, type UserName } from '@dsyncd/core';
import type { ClientChannel } from 'ssh2';
import { abortError, connectTimeout, peerClosed } from '../link/link-errors.ts';
import { ProcessEnd } from '../link/stdio.ts';
import { StreamLink } from '../link/stream-link.ts';
import { SyncLink } from '../link/sync-link.ts';
import type { Peer, SyncConnection } from '../port.ts';
import { SshConnection } from './ssh-connection.ts';
import { remoteCommand, type SshSettings } from './ssh-login.ts';

export interface SshPeerSettings {
  readonly ssh: SshSettings;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** A connection without a channel is closed after so long. */
  readonly idleTimeoutMs: number;
}

/** A connection that is there or on its way. */
interface Slot {
  readonly opening: Promise<SshConnection>;
  readonly giveUp: AbortController;
  connection: SshConnection | undefined;
  /** Syncs that wait for the connection. */
  waiting: number;
  cancelIdle: (() => void) | undefined;
}

/** Syncs that may wait for one connection to be made; more than that get another one. */
const waitingMax = 10;
const attemptsMax = 3;

/**
 * A dsync server at the other end of SSH: one channel for each sync, on connections that stay open. As with a
 * child process, what the server refuses comes as an error of the link.
 */
export class SshPeer implements Peer {
  readonly name: string;
  readonly #destination: SshDestination;
  readonly #settings: SshPeerSettings;
  readonly #slots = new Set<Slot>();
  readonly #links = new Set<StreamLink>();
  #closedBy: DsyncdError | undefined;

  constructor(destination: SshDestination, settings: SshPeerSettings) {
    this.name = destination.name;
    this.#destination = destination;
    this.#settings = settings;
  }

  async startSync(user: UserName, signal: AbortSignal): Promise<SyncConnection> {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    if (signal.aborted) throw abortError(this.name, signal);
    const { sendsUserName } = this.#destination;
    const command = remoteCommand(this.#settings.ssh.command, user, sendsUserName);
    const channel = await giveUpOn(signal, this.name, this.#openChannel(command), discard);
    const link = this.#linkTo(channel);
    link.bind(signal);
    if (sendsUserName) await link.write(`${user}\n`);
    return new SyncLink(link, { onRelease: () => link.close() });
  }

  async close(): Promise<void> {
    const error = peerClosed(this.name);
    this.#closedBy = error;
    for (const link of this.#links) link.fail(error);
    for (const slot of this.#slots) {
      slot.cancelIdle?.();
      slot.giveUp.abort(error);
      slot.connection?.destroy();
    }
    this.#slots.clear();
  }

  async #openChannel(command: string): Promise<ClientChannel> {
    for (let attempt = 1; ; attempt++) {
      const slot = this.#slotWithRoom() ?? this.#openSlot();
      const isFresh = slot.connection === undefined;
      const connection = await this.#connectionOf(slot);
      try {
        const channel = await connection.run(command, () => this.#onChannelGone(slot));
        if (channel !== undefined) return channel;
      } catch (error) {
        // A kept connection may have died unseen. One that was just made has not.
        if (isFresh || attempt >= attemptsMax) throw error;
        this.#drop(slot);
      }
      if (attempt >= attemptsMax) throw this.#noChannel();
    }
  }

  async #connectionOf(slot: Slot): Promise<SshConnection> {
    slot.waiting++;
    slot.cancelIdle?.();
    try {
      return await slot.opening;
    } finally {
      slot.waiting--;
    }
  }

  #slotWithRoom(): Slot | undefined {
    for (const slot of this.#slots) {
      if (slot.connection?.isOver) this.#slots.delete(slot);
      else if (slot.connection === undefined ? slot.waiting < waitingMax : slot.connection.hasRoom)
        return slot;
    }
    return undefined;
  }

  #openSlot(): Slot {
    const timeout = new AbortController();
    const cancel = this.#settings.clock.after(this.#settings.connectTimeoutMs, () =>
      timeout.abort(connectTimeout(this.name, this.#settings.connectTimeoutMs)),
    );
    const opening = SshConnection.open(this.#destination, this.#settings.ssh, timeout.signal);
    const slot: Slot = { opening, giveUp: timeout, connection: undefined, waiting: 0, cancelIdle: undefined };
    this.#slots.add(slot);
    void opening
      .then(
        (connection) => {
          slot.connection = connection;
          if (this.#closedBy === undefined) this.#onChannelGone(slot);
          else connection.destroy();
        },
        () => this.#slots.delete(slot),
      )
      .finally(cancel);
    return slot;
  }

  #onChannelGone(slot: Slot): void {
    if (slot.connection === undefined || slot.connection.channels > 0) return;
    slot.cancelIdle?.();
    slot.cancelIdle = this.#settings.clock.after(this.#settings.idleTimeoutMs, () => {
      if (slot.waiting === 0 && slot.connection?.channels === 0) this.#drop(slot);
    });
  }

  #drop(slot: Slot): void {
    this.#slots.delete(slot);
    slot.cancelIdle?.();
    slot.connection?.end();
  }

  #linkTo(channel: ClientChannel): StreamLink {
    const { clock, stallTimeoutMs } = this.#settings;
    const end = new ProcessEnd(`the dsync server at ${this.name}`, clock);
    const link = new StreamLink(channel, channel, {
      peerName: this.name,
      stallTimeoutMs,
      clock,
      lastWords: () => end.error(),
    });
    this.#links.add(link);
    channel.stderr.on('data', (chunk: Uint8Array) => end.onStderr(chunk));
    channel.once('close', (status?: number | null, signalName?: string) => {
      this.#links.delete(link);
      if (status === undefined && signalName === undefined) end.onFailure(this.#lost());
      else end.onEnd(status, signalName);
    });
    return link;
  }

  #lost(): DsyncdError {
    return new DsyncdError('DSYNCD_LINK_LOST', `${this.name}: the SSH connection broke`, {
      outcome: 'transient',
    });
  }

  #noChannel(): DsyncdError {
    return new DsyncdError('DSYNCD_CONNECT', `${this.name} opens no session`, {
      outcome: 'transient',
      hint: 'check MaxSessions in the sshd_config of the other host',
    });
  }
}

/** A channel is gone only when all that it brought is read. */
function discard(channel: ClientChannel): void {
  channel.resume();
  channel.stderr.resume();
  channel.destroy();
}

/** `work`, unless the signal aborts first; what it brings then is handed to `onLate`. */
async function giveUpOn<T>(
  signal: AbortSignal,
  peerName: string,
  work: Promise<T>,
  onLate: (late: T) => void,
): Promise<T> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(peerName, signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } catch (error) {
    work.then(onLate, () => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
