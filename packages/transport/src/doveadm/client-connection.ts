import type { Socket } from 'node:net';
import { type Clock, DsyncdError, fail, InvariantError, type Logger, toDsyncdError } from '@dsyncd/core';
import { readLine } from '@dsyncd/protocol';
import { StreamLink } from '../link/stream-link.ts';
import { SyncLink } from '../link/sync-link.ts';
import type { SyncAnswerer } from '../port.ts';
import type { Refusal } from './pending-logins.ts';
import { admitClient, answerCommand, type Credentials, commandLineBytesMax } from './session-commands.ts';

export interface ServiceSettings {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly answerer: SyncAnswerer;
  readonly idleTimeoutMs: number;
  readonly stallTimeoutMs: number;
}

export interface Admission extends Omit<Credentials, 'beforeRefusal'> {
  /** Counts a wrong secret. */
  readonly refuse: () => Refusal;
  readonly loginTimeoutMs: number;
  readonly onAdmitted: () => void;
}

type State = 'login' | 'waiting' | 'serving' | 'closed';
/** The steps that there are, from and to. */
type Step =
  | readonly ['login', 'waiting']
  | readonly ['waiting', 'serving']
  | readonly ['serving', 'waiting']
  | readonly ['login' | 'waiting' | 'serving', 'closed'];

/**
 * One client of the dsync server: lets it in, then performs its commands one after the other.
 *
 *     login --secret is right--> waiting --command--> serving --done--> waiting
 *       |                           |                    |
 *       | refused, late             | idle too long,     | the sync broke,
 *       v                           v stopping           v stopping
 *     closed                      closed               closed
 */
export class ClientConnection {
  readonly #link: StreamLink;
  readonly #service: ServiceSettings;
  readonly #abort = new AbortController();
  #state: State = 'login';
  #isStopping = false;
  /** The log has a recent line about this address already. */
  #isOldNews = false;

  constructor(socket: Socket, peerName: string, service: ServiceSettings) {
    const { stallTimeoutMs, clock } = service;
    this.#link = new StreamLink(socket, socket, { peerName, stallTimeoutMs, clock });
    this.#service = service;
  }

  /** Until the connection is over. Never rejects: what goes wrong is logged here. */
  async run(admission: Admission): Promise<void> {
    try {
      this.#link.bind(this.#abort.signal);
      await this.#admit(admission);
      this.#step('login', 'waiting');
      while (await this.#serveOne());
    } catch (error) {
      this.#logFailure(error, undefined);
    } finally {
      if (this.#state !== 'closed') this.#step(this.#state, 'closed');
      this.#link.close();
    }
  }

  stopWhenIdle(): void {
    this.#isStopping = true;
    if (this.#state === 'waiting') this.#link.close();
  }

  abort(reason: DsyncdError): void {
    this.#abort.abort(reason);
    this.#link.fail(reason);
  }

  async #admit({ loginTimeoutMs, onAdmitted, refuse, ...credentials }: Admission): Promise<void> {
    const cancel = this.#service.clock.after(loginTimeoutMs, () =>
      this.#link.fail(this.#loginTimeout(loginTimeoutMs)),
    );
    try {
      await admitClient(this.#link, {
        ...credentials,
        beforeRefusal: async () => {
          const { delayMs, isNews } = refuse();
          this.#isOldNews = !isNews;
          await this.#service.clock.sleep(delayMs);
        },
      });
      onAdmitted();
    } finally {
      cancel();
    }
  }

  #step(...[from, to]: Step): void {
    if (this.#state !== from) fail(`a client connection goes from ${from} to ${to}, but is ${this.#state}`);
    this.#state = to;
  }

  /** False when the connection takes no more commands. */
  async #serveOne(): Promise<boolean> {
    const line = await this.#waitForCommand();
    if (line === undefined) return false;
    this.#step('waiting', 'serving');
    const sync = new SyncLink(this.#link);
    const done = await answerCommand(line, sync, this.#service.answerer, this.#abort.signal);
    sync.release(done.reusable);
    if (done.failure !== undefined) this.#logFailure(done.failure, done.user);
    if (!done.reusable || this.#isStopping) return false;
    this.#step('serving', 'waiting');
    return true;
  }

  async #waitForCommand(): Promise<string | undefined> {
    this.#link.setStallTimeout(this.#service.idleTimeoutMs);
    try {
      return await readLine(this.#link, commandLineBytesMax);
    } catch (error) {
      // A kept connection that goes quiet, or away, or that we end: nothing is lost with it.
      if (error instanceof DsyncdError && quietEnds.has(error.code)) return undefined;
      throw error;
    } finally {
      this.#link.setStallTimeout(this.#service.stallTimeoutMs);
    }
  }

  #logFailure(error: unknown, user: string | undefined): void {
    const failure = toDsyncdError(error, { code: 'DSYNCD_INTERNAL', outcome: 'transient' });
    const fields = {
      peer: this.#link.peerName,
      user,
      code: failure.code,
      reason: failure.message,
      hint: failure.hint,
    };
    const { logger } = this.#service;
    // Health checks and port scans need no line of the log.
    if (user === undefined && failure.code === 'DSYNCD_LINK_LOST') logger.debug(fields, 'client left');
    else if (this.#isOldNews) logger.debug(fields, 'connection of a peer failed again');
    else if (error instanceof InvariantError)
      logger.error({ ...fields, stack: error.stack }, 'sync for a peer failed');
    else if (failure.outcome === 'operator' || failure.outcome === 'transient')
      logger.warn(fields, user === undefined ? 'connection of a peer failed' : 'sync for a peer failed');
    else logger.info(fields, 'sync for a peer refused');
  }

  #loginTimeout(loginTimeoutMs: number): DsyncdError {
    const message = `${this.#link.peerName} did not log in within ${loginTimeoutMs / 1000} s`;
    return new DsyncdError('DSYNCD_LOGIN_TIMEOUT', message, { outcome: 'transient' });
  }
}

const quietEnds = new Set(['DSYNCD_LINK_STALLED', 'DSYNCD_LINK_LOST', 'DSYNCD_LINK_CLOSED']);
