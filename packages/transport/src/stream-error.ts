import { DsyncdError } from '@dsyncd/core';
import { describeTlsError } from './tls-error.ts';

const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the peer reset the connection',
  EPIPE: 'the peer has closed the connection',
  ETIMEDOUT: 'no answer from the network',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the name server does not answer',
};

const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'check that the dsync server runs on the other host, and the port',
  ENOTFOUND: 'check the host name in mail_replica and the DNS',
  EAI_AGAIN: 'check the name servers of this host',
};

export const errorCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';

/** What broke a connection, told for an operator. All transient but what TLS says of a certificate. */
export function describeStreamError(peerName: string, error: Error): DsyncdError {
  if (error instanceof DsyncdError) return error;
  const tls = describeTlsError(peerName, error);
  if (tls !== undefined) return tls;
  const code = errorCode(error);
  const hint = hints[code];
  return new DsyncdError('DSYNCD_LINK_LOST', `${peerName}: ${meanings[code] ?? error.message}`, {
    outcome: 'transient',
    hint,
    cause: error,
  });
}

/** A connection that never came to be. */
export function describeConnectError(peerName: string, error: Error): DsyncdError {
  const described = describeStreamError(peerName, error);
  if (described.code !== 'DSYNCD_LINK_LOST') return described;
  return new DsyncdError('DSYNCD_CONNECT', `cannot connect to ${described.message}`, {
    outcome: described.outcome,
    hint: described.hint,
    cause: error,
  });
}

/** A connection that never came to be, or was closed before TLS stood. */
export function describeTlsConnectError(peerName: string, error: Error): DsyncdError {
  if (errorCode(error) !== 'ECONNRESET') return describeConnectError(peerName, error);
  return new DsyncdError('DSYNCD_TLS_CUT', `${peerName}: closed the connection in the TLS handshake`, {
    outcome: 'transient',
    hint: 'see its log; if that port has no TLS, use tcp: instead of tcps:, or turn on ssl for that listener',
    cause: error,
  });
}
