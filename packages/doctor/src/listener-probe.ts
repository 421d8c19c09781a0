import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import { blocksOf, type SslConfig, settingOf } from '@dsyncd/config';
import { NotCheckable } from './finding.ts';
import type { Scene } from './scene.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

const timeoutMs = 10_000;

/**
 * Connects without judging the certificate: the caller says what is wrong with it.
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
    // Later errors come to the reader.
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

/** A TCP port on which this host answers syncs. */
export interface OwnPort {
  /** Where we reach it ourselves. */
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Of the dsync server, or of the doveadm service of the Dovecot here; none when that cannot be found out. */
export async function ownDoveadmPorts(scene: Scene): Promise<readonly OwnPort[]> {
  const { mailEngine, listeners } = scene.config;
  if (mailEngine === 'dovecot')
    return dovecotPorts(scene).catch((error: unknown) => {
      if (error instanceof NotCheckable) return [];
      throw error;
    });
  if (listeners.doveadm === undefined) return [];
  const { address, port, ssl } = listeners.doveadm;
  return [{ address: reachable(address), port, tls: ssl }];
}

async function dovecotPorts(scene: Scene): Promise<readonly OwnPort[]> {
  const { tree } = await scene.doveconf();
  const listen = settingOf(tree, 'listen')?.split(/[\s,]+/)[0] ?? '*';
  return blocksOf(tree, 'service', 'doveadm')
    .flatMap((service) => blocksOf(service, 'inet_listener'))
    .filter(({ name }) => !name.includes('http'))
    .map((listener) => ({
      address: reachable(settingOf(listener, 'address') ?? listen),
      port: Number(settingOf(listener, 'port') ?? 0),
      tls: settingOf(listener, 'ssl') === 'yes',
    }))
    .filter(({ port }) => port > 0);
}

/** "All addresses" cannot be connected to. */
const reachable = (address: string): string =>
  address === '::' || address === '*' || address === '0.0.0.0' ? '127.0.0.1' : address;
