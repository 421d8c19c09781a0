import { DsyncdError, fail, quote, type UserName } from '@dsyncd/core';
import {
  type ByteLink,
  type CommandRefusal,
  DoveadmLog,
  doveadmFramedVersion,
  doveadmGreeting,
  encodeDsyncServerCommand,
  encodePlainLogin,
  logPassthroughMinor,
  logPassthroughOption,
  parseCommandAnswer,
  parseDoveadmServerMinor,
  readLine,
} from '@dsyncd/protocol';

import type { StreamLink } from '../link/stream-link.ts';
import { SyncLink } from '../link/sync-link.ts';

export interface DoveadmCredentials {
  /** The shared secret; undefined when none is configured. */
  readonly secret: string | undefined;
  /** Where the secret came from, for hints: the path of a file. */
  readonly secretSource: string;
}

const lineBytesMax = 1024;

/**
 * Our side of a connection to a doveadm server. Only a login makes one, so no sync can be asked for before it.
 *
 *     logIn --> ready --startSync--> syncing --release(true)--> ready
 *                 ^                     | |
 *                 +------- busy --------+ +--release(false), refused, broken--> closed
 */
export class ClientSession {
  readonly link: StreamLink;
  readonly #log: DoveadmLog | undefined;
  #state: 'ready' | 'syncing' | 'closed' = 'ready';

  private constructor(link: StreamLink, log: DoveadmLog | undefined) {
    this.link = link;
    this.#log = log;
  }

  /** @throws {DsyncdError} `DSYNCD_SECRET` (operator), `DSYNCD_DOVEADM_GREETING` (transient), or why the link broke. */
  static async logIn(link: StreamLink, credentials: DoveadmCredentials): Promise<ClientSession> {
    const minor = await logIn(link, credentials);
    const log = minor > 0 ? new DoveadmLog() : undefined;
    if (log !== undefined) link.takeFramed(log);
    await askForLog(link, minor);
    return new ClientSession(link, log);
  }

  /**
   * Asks for the sync of one user. To be ended by {@link end}, also when it throws.
   * @throws {DsyncdError} `DSYNCD_PEER_REFUSED`, `DSYNCD_DOVEADM_ANSWER` (transient), or why the link broke.
   */
  async startSync(
    user: UserName,
    signal: AbortSignal,
    onRelease: (reusable: boolean) => void,
  ): Promise<SyncLink> {
    if (this.#state !== 'ready') fail(`a sync is asked for on a session that is ${this.#state}`);
    this.#state = 'syncing';
    const sync = new SyncLink(this.link, { log: this.#log, onRelease });
    this.link.bind(signal);
    const refusal = await requestSync(sync, user);
    if (refusal !== undefined) throw refused(this.link, user, refusal);
    return sync;
  }

  /** The sync is over. `reusable`: the connection takes the next command. */
  end(reusable: boolean): void {
    this.link.bind(undefined);
    this.#state = reusable ? 'ready' : 'closed';
    if (!reusable) this.link.close();
  }
}

/**
 * Proves to a doveadm server who we are; afterwards it takes commands.
 * @returns its minor version; from 1 on it sends frames from now on. A dsyncd has 0.
 * @throws {DsyncdError} `DSYNCD_SECRET` (operator), `DSYNCD_DOVEADM_GREETING` (transient), or why the link broke.
 */
async function logIn(link: ByteLink, { secret, secretSource }: DoveadmCredentials): Promise<number> {
  await link.write(doveadmFramedVersion);
  let greeting = await readAnswerLine(link);
  const minor = parseDoveadmServerMinor(greeting) ?? 0;
  if (minor > 0) greeting = await readAnswerLine(link);
  if (greeting === doveadmGreeting.welcome) return minor;
  if (/^-[A-Z]/.test(greeting)) throw turnedAway(link, greeting);
  if (greeting !== doveadmGreeting.authenticate) throw greetingError(link, greeting);
  if (secret === undefined || secret === '')
    throw new DsyncdError('DSYNCD_SECRET', `${link.peerName} asks for a secret and none is configured here`, {
      outcome: 'operator',
      hint: 'set doveadm_password_file; the same secret must be on both hosts',
    });
  await link.write(encodePlainLogin(secret));
  const answer = await readAnswerLine(link);
  if (answer === '+') return minor;
  if (!answer.startsWith('-')) throw greetingError(link, answer);
  throw new DsyncdError('DSYNCD_SECRET', `${link.peerName} does not accept our secret`, {
    outcome: 'operator',
    hint:
      `compare ${secretSource} of this host with the doveadm_password_file (Dovecot: doveadm_password) ` +
      'of the other one; reload the service after a change',
  });
}

/** Asks a Dovecot to send what it logs, where it does not do so by itself; other servers would take it for a command. */
const askForLog = (link: ByteLink, minor: number): Promise<void> | undefined =>
  minor >= logPassthroughMinor ? link.write(logPassthroughOption) : undefined;

/**
 * Asks for the sync of one user. Afterwards, unless refused, the link carries the dsync stream.
 * @throws {DsyncdError} `DSYNCD_DOVEADM_ANSWER` (transient), or why the link broke.
 */
async function requestSync(link: ByteLink, user: UserName): Promise<CommandRefusal | undefined> {
  await link.write(encodeDsyncServerCommand(user));
  const output = await readAnswerLine(link);
  if (output !== '')
    throw new DsyncdError(
      'DSYNCD_DOVEADM_ANSWER',
      `${link.peerName} answers ${quote(output)} to our command`,
      {
        outcome: 'transient',
        hint: 'check that the port is that of a dsync server',
      },
    );
  return parseCommandAnswer(await readAnswerLine(link));
}

function refused(link: ByteLink, user: UserName, { outcome, reason }: CommandRefusal): DsyncdError {
  return new DsyncdError(
    'DSYNCD_PEER_REFUSED',
    `${link.peerName} refuses to sync ${quote(user)}: ${reason}`,
    {
      outcome,
      hint: outcome === 'operator' ? 'see the log of the other host' : undefined,
    },
  );
}

const greetingError = (link: ByteLink, line: string): DsyncdError =>
  new DsyncdError(
    'DSYNCD_DOVEADM_GREETING',
    `${link.peerName} greets with ${quote(line)}, not as a dsync server`,
    {
      outcome: 'transient',
      hint: 'check that the port in mail_replica is that of the dsync server (Dovecot: the doveadm listener)',
    },
  );

function turnedAway(link: ByteLink, greeting: string): DsyncdError {
  const { outcome, reason } = parseCommandAnswer(greeting) ?? { outcome: 'transient', reason: greeting };
  return new DsyncdError('DSYNCD_PEER_REFUSED', `${link.peerName} refuses this host: ${reason}`, {
    outcome,
    hint: 'see the log of the other host, and check ssl.client_cert_file if it wants a client certificate',
  });
}

async function readAnswerLine(link: ByteLink): Promise<string> {
  const line = await readLine(link, lineBytesMax);
  if (line !== undefined) return line;
  throw new DsyncdError('DSYNCD_LINK_LOST', `${link.peerName} ended the connection before the sync began`, {
    outcome: 'transient',
    hint: 'look into the log of the other host for the reason',
  });
}
