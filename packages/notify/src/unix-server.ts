import { once } from 'node:events';
import { lstat, mkdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { DsyncdError } from '@dsyncd/core';
import { type SocketAccess, setAccess } from './socket-access.ts';

export const connectionsMax = 2000;

/** A server on a unix socket, with its connections. */
export interface UnixServer {
  /** Ends all connections and removes the socket. */
  close(): Promise<void>;
  /** Takes no more connections and removes the socket; settles when those that are open have ended by themselves. */
  stopListening(): Promise<void>;
}

/**
 * Listens on a unix socket; one that a crashed process left behind is replaced.
 * @param access - its mode (or mode and owner); it never has a wider one, not for a moment
 * @param descriptor - of the listening socket, where somebody else (systemd) made it, who keeps it when we close
 * @throws {DsyncdError} `DSYNCD_SOCKET_IN_USE` (operator) when another process answers there, `DSYNCD_SOCKET` otherwise.
 */
export async function listenUnix(
  path: string,
  access: number | SocketAccess,
  onConnection: (socket: Socket) => void,
  descriptor?: number,
): Promise<UnixServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.maxConnections = connectionsMax;
  try {
    if (descriptor === undefined) {
      await mkdir(dirname(path), { recursive: true });
      await removeStale(path);
    }
    await listen(server, descriptor === undefined ? { path } : { fd: descriptor });
    await setAccess(path, typeof access === 'number' ? { mode: access } : access);
  } catch (error) {
    if (error instanceof DsyncdError) throw error;
    throw new DsyncdError(
      'DSYNCD_SOCKET',
      `cannot listen on ${path}: ${error instanceof Error ? error.message : error}`,
      {
        outcome: 'operator',
        hint: 'the folder must exist and be writable for the user that the service runs as',
        cause: error,
      },
    );
  }
  const stopListening = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  };
  return {
    stopListening,
    async close() {
      const closed = stopListening();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(
  server: Server,
  place: { readonly path: string } | { readonly fd: number },
): Promise<void> {
  const listening = once(server, 'listening');
  const umask = process.umask(0o177);
  try {
    server.listen(place);
  } finally {
    process.umask(umask);
  }
  await listening;
}

async function removeStale(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined) return;
  if (!stat.isSocket())
    throw new DsyncdError('DSYNCD_SOCKET', `${path} exists and is no socket`, {
      outcome: 'operator',
      hint: 'move it away; the service makes the socket by itself',
    });
  if (await answers(path))
    throw new DsyncdError('DSYNCD_SOCKET_IN_USE', `another process listens on ${path}`, {
      outcome: 'operator',
      hint: 'stop the other one first, or give this one another base_dir',
    });
  await unlink(path);
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
