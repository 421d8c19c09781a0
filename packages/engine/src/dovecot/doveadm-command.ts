import {
  type Clock,
  DsyncdError,
  messageOf,
  quote,
  systemCode,
  type TcpDestination,
  type UnixDestination,
} from '@dsyncd/core';
import {
  type DoveadmAnswer,
  DoveadmAnswerReader,
  DoveadmLog,
  type DoveadmLogLine,
  doveadmFramedVersion,
  doveadmGreeting,
  encodePlainLogin,
  FrameReader,
  logPassthroughMinor,
  logPassthroughOption,
  parseDoveadmServerMinor,
  readLine,
} from '@dsyncd/protocol';
import { ClientTls, type ClientTlsSettings, connectSocket, StreamLink } from '@dsyncd/transport';

/** A doveadm service: that of the Dovecot on this host, as a rule. */
export interface DoveadmServerAddress {
  readonly destination: UnixDestination | TcpDestination;
  /** For a TCP port, or a socket whose mode is not 0600. */
  readonly secret?: string;
  /** For `tcps:`. */
  readonly tls?: ClientTlsSettings;
}

export interface CommandOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** From connecting to the end of the login. */
  readonly loginTimeoutMs: number;
  /** For the answer; the signal is the real limit. */
  readonly answerTimeoutMs: number;
  /** What follows the command: the mail of `save`, in the form that the protocol has for it. */
  readonly input?: string;
}

export interface CommandResult {
  /** Undefined: the connection ended before an answer came. */
  readonly answer: DoveadmAnswer | undefined;
  readonly log: readonly DoveadmLogLine[];
  /** Minor version of the protocol that the server speaks: 2 for Dovecot 2.3, 3 for 2.4, 0 for a dsyncd. */
  readonly serverMinor: number;
}

const lineBytesMax = 1024;

/**
 * Gives one command to a doveadm service, on a connection of its own, and waits for the answer.
 * @throws {DsyncdError} `DSYNCD_DOVECOT_DOWN` (transient) when no command can be given, `DSYNCD_SECRET` (operator),
 *   `DSYNCD_DOVEADM_ANSWER` (transient) for nonsense, or why the link was given up.
 */
export async function runDoveadmCommand(
  { destination, secret, tls }: DoveadmServerAddress,
  command: string,
  options: CommandOptions,
): Promise<CommandResult> {
  const { signal, clock, loginTimeoutMs, answerTimeoutMs, input = '' } = options;
  const link = await connect(destination, options);
  try {
    link.bind(signal);
    const minor = await logIn(link, secret).catch((error: unknown) => {
      throw unlessAborted(signal, error, () => noLogin(destination.name, loginTimeoutMs, error));
    });
    link.setStallTimeout(answerTimeoutMs);
    // 2.3 sends its log by itself and would take the option for a command.
    if (minor >= logPassthroughMinor) void link.write(logPassthroughOption);
    await link.write(command + input);
    return { ...(await readAnswer(link, minor > 0, signal)), serverMinor: minor };
  } finally {
    link.close();
  }

  async function connect(
    to: UnixDestination | TcpDestination,
    { signal }: CommandOptions,
  ): Promise<StreamLink> {
    const timeout = new AbortController();
    const abort = (): void => timeout.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const cancel = clock.after(loginTimeoutMs, () =>
      timeout.abort(new Error(`no answer in ${loginTimeoutMs / 1000} s`)),
    );
    try {
      const socket = await connectSocket(to, timeout.signal, new ClientTls(tls ?? {}));
      return new StreamLink(socket, socket, { peerName: to.name, stallTimeoutMs: loginTimeoutMs, clock });
    } catch (error) {
      throw unlessAborted(signal, error, () => notReached(to.name, error));
    } finally {
      cancel();
      signal.removeEventListener('abort', abort);
    }
  }
}

/** Proves who we are; answers the minor version of the server, 0 for one that does not frame. */
async function logIn(link: StreamLink, secret: string | undefined): Promise<number> {
  await link.write(doveadmFramedVersion);
  let line = await greetingLine(link);
  const minor = parseDoveadmServerMinor(line) ?? 0;
  if (minor > 0) line = await greetingLine(link);
  if (line === doveadmGreeting.welcome) return minor;
  if (line !== doveadmGreeting.authenticate) throw noDoveadm(link.peerName, line);
  if (secret === undefined) throw wrongSecret(`${link.peerName} asks for a secret and none is configured`);
  await link.write(encodePlainLogin(secret));
  const answer = await greetingLine(link);
  if (answer === doveadmGreeting.welcome) return minor;
  throw answer.startsWith('-')
    ? wrongSecret(`${link.peerName} does not accept our secret`)
    : noDoveadm(link.peerName, answer);
}

async function greetingLine(link: StreamLink): Promise<string> {
  const line = await readLine(link, lineBytesMax);
  if (line !== undefined) return line;
  throw new DsyncdError('DSYNCD_LINK_LOST', 'it ended the connection at once', { outcome: 'transient' });
}

async function readAnswer(
  link: StreamLink,
  isFramed: boolean,
  signal: AbortSignal,
): Promise<Omit<CommandResult, 'serverMinor'>> {
  const frames = new FrameReader();
  const reader = new DoveadmAnswerReader();
  const log = new DoveadmLog();
  for (;;) {
    const chunk = await readOrLost(link, signal);
    if (chunk === undefined) return { answer: undefined, log: log.lines };
    const parts = isFramed ? frames.push(chunk) : [{ channel: 'data', bytes: chunk } as const];
    let answer: DoveadmAnswer | undefined;
    // Log lines that came together with the answer count, too.
    for (const { channel, bytes } of parts) {
      if (channel === 'log') log.push(bytes);
      else answer ??= reader.push(bytes);
    }
    if (answer !== undefined) return { answer, log: log.lines };
  }
}

/** A process that died resets the connection; that is an end like any other. */
async function readOrLost(link: StreamLink, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    return await link.read();
  } catch (error) {
    if (!signal.aborted && error instanceof DsyncdError && error.code === 'DSYNCD_LINK_LOST')
      return undefined;
    throw error;
  }
}

/** Errors of the stream get words of their own here; what we know better already stays as it is. */
const unlessAborted = (signal: AbortSignal, error: unknown, other: () => DsyncdError): unknown =>
  signal.aborted || (error instanceof DsyncdError && !streamErrors.has(error.code)) ? error : other();

const streamErrors = new Set([
  'DSYNCD_LINK_LOST',
  'DSYNCD_LINK_STALLED',
  'DSYNCD_LINK_ABORTED',
  'DSYNCD_CONNECT',
]);

const causeCode = (error: unknown): string => (error instanceof Error ? systemCode(error.cause) : '');

const reachHints: Readonly<Record<string, string>> = {
  ENOENT: 'start Dovecot, or set doveadm_socket_path to the doveadm-server socket in its base_dir',
  ECONNREFUSED: 'start Dovecot; nothing listens there',
  EACCES:
    'the user of dsyncd may not open the socket: set user, group and mode of unix_listener doveadm-server',
  EAGAIN: 'all processes of the doveadm service are busy: raise its client_limit or process_limit',
};

function notReached(name: string, error: unknown): DsyncdError {
  const hint = reachHints[causeCode(error)] ?? 'check that Dovecot runs on this host';
  const message = messageOf(error);
  return new DsyncdError('DSYNCD_DOVECOT_DOWN', `Dovecot cannot be reached: ${message}`, {
    outcome: 'transient',
    hint: `${hint} (${name})`,
    cause: error,
  });
}

const noLogin = (name: string, timeoutMs: number, error: unknown): DsyncdError =>
  new DsyncdError(
    'DSYNCD_DOVECOT_DOWN',
    `Dovecot does not take a command at ${name} (limit ${timeoutMs / 1000} s): ${messageOf(error)}`,
    {
      outcome: 'transient',
      hint: 'Dovecot may be starting, or all processes of its doveadm service are busy: see process_limit there, and its log',
      cause: error,
    },
  );

const noDoveadm = (name: string, line: string): DsyncdError =>
  new DsyncdError('DSYNCD_DOVEADM_ANSWER', `${name} greets with ${quote(line)}, not as the doveadm service`, {
    outcome: 'transient',
    hint: 'set doveadm_socket_path to the doveadm-server socket in the base_dir of Dovecot',
  });

const wrongSecret = (message: string): DsyncdError =>
  new DsyncdError('DSYNCD_SECRET', message, {
    outcome: 'operator',
    hint: 'doveadm_password_file must hold the doveadm_password of this Dovecot; a unix_listener with mode = 0600 asks for none',
  });
