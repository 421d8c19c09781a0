import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { DsyncdError, messageOf } from '@dsyncd/core';
import { fingerprintOf, isProof, type PairingCode, proofOf } from './code.ts';
import { exporterBytes, exporterLabel, type Joined } from './listener.ts';
import { MessageStream } from './message-stream.ts';
import { badAnswer, type HostFacts } from './messages.ts';

export interface JoinOptions {
  readonly host: string;
  readonly port: number;
  readonly code: PairingCode;
  readonly facts: HostFacts;
  readonly signal?: AbortSignal;
}

const connectMsMax = 15_000;
/** The other end only checks the code meanwhile. */
const helloMsMax = 15_000;

/**
 * Goes to the host that printed the code. Nothing is sent before its TLS key has the fingerprint in the code.
 * @throws {DsyncdError} `DSYNCD_CONNECT` when nobody answers, `DSYNCD_PAIR_IDENTITY` when another host does, `DSYNCD_PAIR_REFUSED` when
 *   it does not accept the code.
 */
export async function joinHost(options: JoinOptions): Promise<Joined> {
  const { code, facts } = options;
  const socket = await connectTo(options);
  const stream = new MessageStream(socket);
  try {
    const binding = socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
    stream.send({ type: 'hello', proof: proofOf(code, 'join', binding), facts });
    const hello = await stream.receive('hello', helloMsMax);
    if (!isProof(hello.proof, proofOf(code, 'init', binding)))
      throw badAnswer('the other host does not know the code');
    if (hello.facts.hostname === facts.hostname)
      throw badAnswer(`both hosts call themselves ${facts.hostname}`);
    return { stream, peer: hello.facts, from: options.host };
  } catch (error) {
    stream.fail(error instanceof Error ? error.message : 'gave up');
    throw error;
  }
}

async function connectTo({ host, port, code, signal }: JoinOptions): Promise<TLSSocket> {
  // No authority can vouch for a certificate of a moment: its key is compared with the code instead.
  const socket = connect({ host, port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  const timeout = AbortSignal.timeout(connectMsMax);
  try {
    await once(socket, 'secureConnect', {
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    const reason = timeout.aborted ? 'no answer' : messageOf(error);
    throw new DsyncdError('DSYNCD_CONNECT', `cannot reach ${host} port ${port}: ${reason}`, {
      outcome: 'transient',
      hint: 'check that `dsyncadm pair init` waits there, and that a firewall lets this port through',
      cause: error,
    });
  }
  const certificate = socket.getPeerX509Certificate();
  const key = certificate?.publicKey.export({ type: 'spki', format: 'der' });
  if (key !== undefined && fingerprintOf(key).equals(code.fingerprint)) return socket;
  socket.on('error', () => {});
  socket.destroy();
  throw new DsyncdError(
    'DSYNCD_PAIR_IDENTITY',
    `the host that answers at ${host} port ${port} is not the one that printed the code`,
    {
      outcome: 'operator',
      hint: 'check address and code; if both are right, somebody sits between the two hosts. Nothing was sent',
    },
  );
}

/** The start of the hash of a certificate's key, from its private half: for the code. */
export const publicKeyOf = (privatePem: string): Buffer =>
  createPublicKey(privatePem).export({ type: 'spki', format: 'der' });
