import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { SslConfig } from '@dsyncd/config';

export interface Place {
  readonly host: string;
  readonly port: number;
}

const timeoutMs = 10_000;

/**
 * Connects without judging the certificate: whoever asks wants to say what is wrong with it.
 * @throws {Error} of the network or of TLS.
 */
export async function connectUnjudged(
  { host, port }: Place,
  ssl: SslConfig,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const read = async (file: string | undefined): Promise<Buffer | undefined> =>
    file === undefined ? undefined : readFile(file);
  const [ca, cert, key] = await Promise.all(
    [ssl.clientCaFile, ssl.clientCertFile, ssl.clientKeyFile].map(read),
  );
  const socket = connectTls({
    host,
    port,
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ca,
    cert,
    key,
  });
  await connected(socket, 'secureConnect', signal);
  return socket;
}

export async function connectPlain({ host, port }: Place, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ host, port });
  await connected(socket, 'connect', signal);
  return socket;
}

async function connected(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  try {
    await once(socket, event, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    // Later errors come to whoever reads.
    socket.on('error', () => {});
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  }
}

/** What is wrong with a certificate for a host name; undefined when it is for that name. */
export const nameProblem = (certificate: PeerCertificate, name: string): string | undefined =>
  checkServerIdentity(name, certificate)?.message;
