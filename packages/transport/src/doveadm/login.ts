import { DsyncdError, quote, type UserName } from '@dsyncd/core';
import {
  type ByteLink,
  type CommandRefusal,
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

export interface DoveadmCredentials {
  /** The shared secret; undefined when none is configured. */
  readonly secret: string | undefined;
  /** Where the secret came from, for hints: the path of a file. */
  readonly secretSource: string;
}

const lineBytesMax = 1024;

/**
 * Proves to a doveadm server who we are; afterwards it takes commands.
 * @returns its minor version; from 1 on it sends frames from now on. A dsyncd has 0.
 * @throws {DsyncdError} `DSYNCD_SECRET` (operator), `DSYNCD_DOVEADM_GREETING` (transient), or why the link broke.
 */
export async function logIn(link: ByteLink, { secret, secretSource }: DoveadmCredentials): Promise<number> {
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

/** Asks a Dovecot to send what it logs, where it does not do so by itself; others would take it for a command. */
export const askForLog = (link: ByteLink, minor: number): Promise<void> | undefined =>
  minor >= logPassthroughMinor ? link.write(logPassthroughOption) : undefined;

/**
 * Asks for the sync of one user. Afterwards, unless refused, the link carries the dsync stream.
 * @throws {DsyncdError} `DSYNCD_DOVEADM_ANSWER` (transient), or why the link broke.
 */
export async function requestSync(link: ByteLink, user: UserName): Promise<CommandRefusal | undefined> {
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
  return new DsyncdError('DSYNCD_PEER_REFUSED', `${link.peerName} turns us away: ${reason}`, {
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
