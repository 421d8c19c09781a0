import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { DsyncdError } from '@dsyncd/core';

const connectionsMax = 2000;

/** Who may open a FIFO or a socket. */
export interface SocketAccess {
  /** Permission bits. */
  readonly mode: number;
  /** Name or number; missing: the process that made it. */
  readonly user?: string;
  readonly group?: string;
}

/** A server on a unix socket, with its connections. */
export interface UnixListener {
  /** Ends all connections and removes the socket. */
  close(): Promise<void>;
  /** Takes no more connections and removes the socket; settles when those that are open have ended by themselves. */
  stopListening(): Promise<void>;
}

/**
 * Listens on a unix socket; one that a crashed process left behind is replaced.
 * @param access - its mode (or mode and owner); it never has a wider one, not for a moment
 * @param descriptor - of the listening socket, where systemd made it; systemd keeps it when we close
 * @throws {DsyncdError} `DSYNCD_SOCKET_IN_USE` (operator) when another process answers there, `DSYNCD_SOCKET` otherwise.
 */
export async function listenUnix(
  path: string,
  access: number | SocketAccess,
  onConnection: (socket: Socket) => void,
  descriptor?: number,
): Promise<UnixListener> {
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
    throw new DsyncdError('DSYNCD_SOCKET', `${path} exists and is not a socket`, {
      outcome: 'operator',
      hint: 'move it away; the service creates the socket itself',
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

/**
 * Gives a FIFO or a socket its owner and mode; the owner first, as it must never be open to more than it will be.
 * @throws {DsyncdError} `DSYNCD_SOCKET` (operator).
 */
export async function setAccess(path: string, { mode, user, group }: SocketAccess): Promise<void> {
  try {
    if (user !== undefined || group !== undefined) {
      // Node takes numbers only; chown takes names.
      const owner = `${user ?? ''}${group === undefined ? '' : `:${group}`}`;
      await promisify(execFile)('chown', ['--no-dereference', '--', owner, path]);
    }
    // Systemd may have made it with the right mode, and then it need not be ours to change.
    if (((await lstat(path)).mode & 0o777) !== mode) await chmod(path, mode);
  } catch (error) {
    throw new DsyncdError('DSYNCD_SOCKET', `cannot set owner and mode of ${path}: ${firstLine(error)}`, {
      outcome: 'operator',
      hint: 'user and group must exist; only root can give a socket to another user, and other users only to their own groups',
      cause: error,
    });
  }
}

const firstLine = (error: unknown): string => {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.split('\n', 1)[0] ?? text;
};
