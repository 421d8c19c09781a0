import {
  type Clock,
  DsyncdError,
  isUserName,
  limits,
  messageOf,
  type UnixDestination,
  type UserName,
} from '@dsyncd/core';
import {
  type AuthAnswer,
  authMasterVersion,
  authVersionProblem,
  encodeUserList,
  encodeUserLookup,
  parseAuthAnswer,
  readLine,
} from '@dsyncd/protocol';
import { connectSocket, StreamLink } from '@dsyncd/transport';

/** What userdb says of a user, and as `user` what it calls the user; undefined: there is no such user. */
export type UserFields = ReadonlyMap<string, string> | undefined;

export interface AuthClientOptions {
  readonly socketPath: () => string;
  readonly clock: Clock;
  /** For each step: connecting, and each answer. */
  readonly answerTimeoutMs: number;
}

interface Waiter {
  readonly resolve: (fields: UserFields) => void;
  readonly reject: (error: unknown) => void;
}

/** A connection on which look-ups are under way side by side. */
interface Session {
  readonly link: StreamLink;
  readonly path: string;
  readonly waiters: Map<number, Waiter>;
}

/**
 * Asks the auth service of the local Dovecot (`auth-userdb`). Look-ups share one connection, which is
 * made anew when Dovecot has restarted.
 */
export class AuthClient {
  readonly #options: AuthClientOptions;
  #session: Promise<Session> | undefined;
  readonly #lists = new Set<StreamLink>();
  #lastId = 0;

  constructor(options: AuthClientOptions) {
    this.#options = options;
  }

  /**
   * @throws {DsyncdError} `DSYNCD_USERDB` (transient) when userdb cannot be asked, `DSYNCD_USERDB_USER` (transient) when it
   *   can and fails for this user; or `signal.reason`.
   */
  async lookUp(user: UserName, signal: AbortSignal): Promise<UserFields> {
    signal.throwIfAborted();
    try {
      return await this.#lookUpOnce(user, signal);
    } catch (error) {
      // A kept connection may have died with the auth process of before.
      if (signal.aborted || !isLost(error)) throw error;
      return this.#lookUpOnce(user, signal);
    }
  }

  /**
   * Everyone whom userdb lists, in its order.
   * @param onUnusable - gets names that are not valid here; unchecked text
   * @throws {DsyncdError} `DSYNCD_USERDB_LIST` (operator), `DSYNCD_USERDB` (transient).
   */
  async *list(onUnusable?: (name: string) => void): AsyncGenerator<UserName> {
    const { link } = await this.#connect();
    this.#lists.add(link);
    try {
      link.setStallTimeout(listStallMs);
      await link.write(encodeUserList(1));
      for (;;) {
        const answer = await nextAnswer(link);
        if (answer?.type === 'listed') {
          if (isUserName(answer.user)) yield answer.user;
          else onUnusable?.(answer.user);
        }
        if (answer?.type !== 'list-done') continue;
        if (answer.failed) throw listFailed(link.peerName);
        return;
      }
    } finally {
      this.#lists.delete(link);
      link.close();
    }
  }

  /** Ends what is under way, too. */
  close(): void {
    for (const link of this.#lists) link.fail(userdbError('the service stops'));
    this.#session?.then(
      ({ link }) => link.close(),
      () => {},
    );
    this.#session = undefined;
  }

  async #lookUpOnce(user: UserName, signal: AbortSignal): Promise<UserFields> {
    const session = await this.#sharedSession();
    const id = (this.#lastId % 0x7fff_ffff) + 1;
    this.#lastId = id;
    return new Promise<UserFields>((resolve, reject) => {
      const settle = (): void => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        session.waiters.delete(id);
      };
      const onAbort = (): void => {
        settle();
        reject(signal.reason);
      };
      const cancel = this.#options.clock.after(this.#options.answerTimeoutMs, () => {
        settle();
        // Whatever holds it up holds up the others too.
        session.link.fail(userdbError(`${session.path} does not answer`));
        reject(
          userdbError(`${session.path} does not answer within ${this.#options.answerTimeoutMs / 1000} s`),
        );
      });
      signal.addEventListener('abort', onAbort, { once: true });
      session.waiters.set(id, {
        resolve: (fields) => {
          settle();
          resolve(fields);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      try {
        void session.link.write(encodeUserLookup(id, user));
      } catch (error) {
        session.waiters.get(id)?.reject(error);
      }
    });
  }

  async #sharedSession(): Promise<Session> {
    const path = this.#options.socketPath();
    const current = this.#session;
    const present = await current?.catch(() => undefined);
    if (present !== undefined && !present.link.isOver && present.path === path) return present;
    // Who waited here too may have begun a new one meanwhile.
    const begun = this.#session;
    if (begun !== undefined && begun !== current) return begun;
    present?.link.close();
    const opening = this.#openSession(path);
    this.#session = opening;
    return opening;
  }

  async #openSession(path: string): Promise<Session> {
    const { link } = await this.#connect();
    const session: Session = { link, path, waiters: new Map() };
    void this.#serve(session);
    return session;
  }

  /** Hands answers to those who wait for them, until the connection ends. */
  async #serve({ link, waiters }: Session): Promise<void> {
    let failure: unknown;
    try {
      for (;;) {
        const answer = await nextAnswer(link);
        const waiter = answer === undefined ? undefined : waiters.get(answer.id);
        if (answer?.type === 'user') waiter?.resolve(new Map([...answer.fields, ['user', answer.user]]));
        else if (answer?.type === 'unknown-user') waiter?.resolve(undefined);
        else if (answer?.type === 'failed') waiter?.reject(userFailed(answer.reason));
      }
    } catch (error) {
      failure = error;
    }
    link.close();
    for (const waiter of [...waiters.values()]) waiter.reject(failure);
  }

  async #connect(): Promise<{ readonly link: StreamLink }> {
    const { socketPath, clock, answerTimeoutMs } = this.#options;
    const path = socketPath();
    const destination: UnixDestination = { kind: 'unix', path, name: path };
    const timeout = new AbortController();
    const cancel = clock.after(answerTimeoutMs, () => timeout.abort(new Error('no answer')));
    try {
      const socket = await connectSocket(destination, timeout.signal);
      // An idle connection may stay quiet; a list and each look-up have limits of their own.
      const link = new StreamLink(socket, socket, { peerName: path, stallTimeoutMs: quietMsMax, clock });
      link.bind(timeout.signal);
      const problem = authVersionProblem(await nextLine(link));
      if (problem !== undefined) {
        link.close();
        throw userdbError(`${path} ${problem}`);
      }
      link.bind(undefined);
      await link.write(authMasterVersion);
      return { link };
    } catch (error) {
      if (error instanceof DsyncdError && error.code === 'DSYNCD_USERDB') throw error;
      throw userdbError(`userdb cannot be asked: ${messageOf(error)}`, error);
    } finally {
      cancel();
    }
  }
}

const quietMsMax = 2 ** 31 - 1;
/** A userdb that lists nobody for so long has got stuck. */
const listStallMs = 60_000;

async function nextAnswer(link: StreamLink): Promise<AuthAnswer | undefined> {
  return parseAuthAnswer(await nextLine(link));
}

async function nextLine(link: StreamLink): Promise<string> {
  const line = await readLine(link, limits.lineBytesMax * 8);
  if (line !== undefined) return line;
  throw new DsyncdError('DSYNCD_LINK_LOST', `${link.peerName} ended the connection`, {
    outcome: 'transient',
  });
}

const isLost = (error: unknown): boolean =>
  error instanceof DsyncdError && ['DSYNCD_LINK_LOST', 'DSYNCD_LINK_CLOSED'].includes(error.code);

const userdbError = (message: string, cause?: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_USERDB', message, {
    outcome: 'transient',
    hint: 'check that Dovecot runs, that auth_socket_path is its auth-userdb socket, and that the user of dsyncd may open it',
    cause,
  });

const userFailed = (reason: string): DsyncdError =>
  new DsyncdError('DSYNCD_USERDB_USER', `userdb: ${reason.slice(0, 300)}`, {
    outcome: 'transient',
    hint: 'the auth service or the database behind it fails for this user: see the log of Dovecot',
  });

const listFailed = (path: string): DsyncdError =>
  new DsyncdError('DSYNCD_USERDB_LIST', `Dovecot cannot list its users (${path})`, {
    outcome: 'operator',
    hint: "`doveadm user '*'` must print all users: give userdb an iterate_query (SQL) or iterate filter (LDAP), and the socket a mode that is not 0666 with user or group for dsyncd",
  });
