import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TcpDestination, UnixDestination } from '@dsyncd/core';
import { ClientTls } from '../tls/client-tls.ts';
import { abortError, describeConnectError, describeTlsConnectError } from './link-errors.ts';

/** After so long without traffic the kernel asks whether the peer is still there. */
const keepAliveAfterMs = 15_000;

/**
 * A connected socket; for `tcps:` the peer's certificate and host name are checked.
 * @throws {DsyncdError} `DSYNCD_CONNECT`, `DSYNCD_TLS_CUT` (transient), `DSYNCD_TLS`, `DSYNCD_TLS_FILE` (operator);
 *   or why `signal` aborted.
 */
export async function connectSocket(
  destination: TcpDestination | UnixDestination,
  signal: AbortSignal,
  tls: ClientTls = new ClientTls({}),
): Promise<Socket> {
  const socket = await startConnecting(destination, tls);
  // Not among the options: tls.connect does not pass them on.
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveAfterMs);
  await settled(socket, isTls(destination), destination.name, signal);
  return socket;
}

const isTls = (destination: TcpDestination | UnixDestination): boolean =>
  destination.kind === 'tcp' && destination.tls;

async function startConnecting(
  destination: TcpDestination | UnixDestination,
  tls: ClientTls,
): Promise<Socket> {
  if (destination.kind === 'unix') return connectTcp({ path: destination.path });
  const { host, port } = destination;
  if (!destination.tls) return connectTcp({ host, port });
  const secureContext = await tls.context();
  const socket = connectTls({
    host,
    port,
    secureContext,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    session: tls.session,
    rejectUnauthorized: true,
  });
  socket.on('session', (session) => {
    tls.session = session;
  });
  return socket;
}

function settled(socket: Socket, isTls: boolean, peerName: string, signal: AbortSignal): Promise<void> {
  const readyEvent = isTls ? 'secureConnect' : 'connect';
  const describe = isTls ? describeTlsConnectError : describeConnectError;
  return new Promise((resolve, reject) => {
    const finish = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off(readyEvent, onReady);
      if (error === undefined) {
        socket.off('error', onError);
        resolve();
        return;
      }
      // The error listener stays: a socket that is given up may still report one.
      socket.destroy();
      reject(error);
    };
    const onReady = (): void => finish(undefined);
    const onError = (error: Error): void => finish(describe(peerName, error));
    const onAbort = (): void => finish(abortError(peerName, signal));
    socket.once(readyEvent, onReady);
    socket.on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
