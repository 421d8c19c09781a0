import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { LmtpAddress } from '@dsyncd/config';
import { DsyncdError, type Logger } from '@dsyncd/core';
import { openFilesMax } from '@dsyncd/mailstore';
import { listenUnix } from '@dsyncd/process';
import { Input } from './lmtp-input.ts';
import { Session, type SessionParts } from './lmtp-session.ts';

/** At most a third of the files that the process may have: the store needs the others. */
export const connectionsMax = Math.min(1000, Math.floor(openFilesMax() / 3));
/** RFC 5321 section 4.5.3.2.7: a server waits at least five minutes for a command. */
const idleMs = 300_000;
/** How long a mail that is coming in may hold up the end of the program. */
const drainMs = 10_000;
const socketMode = 0o666;

export interface LmtpServer {
  /** Lets mails that are coming in finish, says 421 to the others, and settles when all have gone. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: Socket;
  readonly session: Session;
}

/**
 * Serves LMTP on a unix socket or a TCP port.
 * @throws {DsyncdError} operator when it cannot listen there.
 */
export async function serveLmtp(
  address: LmtpAddress,
  parts: () => SessionParts,
  logger: Logger,
): Promise<LmtpServer> {
  const connections = new Set<Connection>();
  let stopping = false;
  let allGone: () => void = () => {};

  const accept = (socket: Socket): void => {
    if (connections.size >= connectionsMax) {
      socket.end('421 4.3.2 Too many connections\r\n');
      return;
    }
    socket.setNoDelay(true);
    const session = new Session({
      input: new Input(socket),
      write: (text) => writeAll(socket, text),
      parts,
      logger,
      isStopping: () => stopping,
    });
    const connection = { socket, session };
    connections.add(connection);
    socket.setTimeout(idleMs, () => {
      if (session.isIdle) socket.end('421 4.4.2 Idle for too long\r\n');
      else socket.destroy();
    });
    socket.on('error', () => {});
    void run(connection).finally(() => {
      connections.delete(connection);
      if (connections.size === 0) allGone();
    });
  };

  const run = async ({ socket, session }: Connection): Promise<void> => {
    try {
      await session.run();
    } catch (error) {
      // Mostly a client that went away; what was not confirmed as saved, it delivers again.
      logger.info({ error }, 'connection ended early');
    } finally {
      socket.end();
      socket.destroySoon();
    }
  };

  const stop = await listen(address, accept);
  return {
    async close() {
      stopping = true;
      const gone = new Promise<void>((resolve) => {
        allGone = resolve;
        if (connections.size === 0) resolve();
      });
      const stopped = stop();
      for (const { socket, session } of connections)
        if (session.isIdle) socket.end('421 4.3.2 Shutting down\r\n', () => socket.destroy());
      const timer = setTimeout(() => {
        for (const { socket } of connections) socket.destroy();
      }, drainMs);
      await gone;
      clearTimeout(timer);
      await stopped;
    },
  };
}

/** Answers how to stop listening. */
async function listen(address: LmtpAddress, accept: (socket: Socket) => void): Promise<() => Promise<void>> {
  if ('path' in address) return (await listenUnix(address.path, socketMode, accept)).stopListening;
  const server: Server = createServer({ allowHalfOpen: true }, accept);
  try {
    server.listen(address.port, address.address);
    await once(server, 'listening');
  } catch (error) {
    throw new DsyncdError(
      'DSYNCD_LISTEN',
      `cannot listen on ${address.address} port ${address.port}: ${error}`,
      {
        outcome: 'operator',
        hint: 'another service may have that port',
        cause: error,
      },
    );
  }
  return async () => {
    const closed = once(server, 'close');
    server.close();
    await closed;
  };
}

/** Waits while the client reads slower than we write; one that has gone needs no waiting for. */
async function writeAll(socket: Socket, text: string): Promise<void> {
  if (!socket.writable || socket.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.once('drain', done).once('close', done);
  });
}
