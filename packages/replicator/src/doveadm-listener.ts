import { once } from 'node:events';
import type { Socket } from 'node:net';
import { DsyncdError, limits, quote } from '@dsyncd/core';
import { listenUnix, type SocketAccess, type UnixListener } from '@dsyncd/process';
import { consumersMinor, joinTabs, splitTabs } from '@dsyncd/protocol';
import { DoveadmService, type DoveadmServiceOptions } from './doveadm-service.ts';

/** Name of the socket in `base_dir`. */
export const doveadmSocketName = 'replicator-doveadm';

export interface DoveadmListenerOptions extends DoveadmServiceOptions {
  readonly path: string;
  /** The commands can make dsyncd forget users, so not for everyone. @defaultValue mode 0o600 */
  readonly access?: Partial<SocketAccess>;
  /** A client that sends nothing for so long is disconnected. @defaultValue 10 minutes */
  readonly idleMsMax?: number;
}

const idleMsMaxDefault = 600_000;
/** For clients that wait to be greeted. */
const silenceMs = 50;
const greeting = joinTabs(['VERSION', 'replicator-doveadm-server', '1', String(consumersMinor)]);

/**
 * Serves the socket that `doveadm replicator` and dsyncadm talk to.
 * @throws {DsyncdError} as {@link listenUnix} does.
 */
export const listenDoveadm = (options: DoveadmListenerOptions): Promise<UnixListener> =>
  listenUnix(options.path, { mode: 0o600, ...options.access }, (socket) => void serve(socket, options));

/** One client, to the end of its connection. Never rejects. */
async function serve(socket: Socket, options: DoveadmListenerOptions): Promise<void> {
  // The end of the loop below reports it.
  socket.on('error', () => {});
  socket.setTimeout(options.idleMsMax ?? idleMsMaxDefault, () => socket.destroy());
  const service = new DoveadmService(options);
  try {
    await firstWords(socket);
    socket.write(`${greeting}\n`);
    let hasIntroduced = false;
    for await (const line of linesOf(socket)) {
      if (hasIntroduced) await answer(socket, service, line);
      else checkVersion(line);
      hasIntroduced = true;
    }
    socket.end();
  } catch (error) {
    if (error instanceof DsyncdError) options.logger.warn({ error }, 'doveadm client disconnected');
    else if (!isGone(error)) options.logger.error({ error }, 'doveadm command failed');
    socket.destroy();
  }
}

/**
 * Settles when the client has said something, or is silent for a moment. The dsync of Dovecot that reports its end
 * writes and is gone: greeting it first would break the connection before that was read.
 */
async function firstWords(socket: Socket): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  const silence = setTimeout(() => settled.abort(), silenceMs);
  try {
    await once(socket, 'readable', { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(silence);
  }
}

async function answer(socket: Socket, service: DoveadmService, line: string): Promise<void> {
  for await (const fields of service.answer(splitTabs(line))) {
    if (socket.destroyed) return;
    if (!socket.write(`${joinTabs(fields)}\n`)) await drained(socket);
  }
}

/** Settles when the client has read, or is gone. */
async function drained(socket: Socket): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]);
  } finally {
    settled.abort();
  }
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  // A client that has ended its side still gets its answers.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      if (end > limits.lineBytesMax) throw tooLong();
      yield rest.toString('utf8', 0, end);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > limits.lineBytesMax) throw tooLong();
  }
}

function checkVersion(line: string): void {
  const [version, service, major] = splitTabs(line);
  if (version === 'VERSION' && service === 'replicator-doveadm-client' && major === '1') return;
  throw refused(`a doveadm client introduced itself with ${quote(line)}`);
}

const tooLong = (): DsyncdError =>
  refused(`a doveadm client sent a line of more than ${limits.lineBytesMax} bytes`);

const refused = (message: string): DsyncdError =>
  new DsyncdError('DSYNCD_REPLICATOR_COMMAND', message, { outcome: 'operator' });

/** The client went away in the middle: no concern of ours. */
const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'].includes(String(error.code));
