import { DsyncdError, messageOf, systemCode } from '@dsyncd/core';
import { describeTlsError } from '../tls/tls-error.ts';

const explanations: Readonly<Record<string, string>> = {
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

/** What broke a connection, in words for an operator. All transient but what TLS says of a certificate. */
export function describeStreamError(peerName: string, error: Error): DsyncdError {
  if (error instanceof DsyncdError) return error;
  const tls = describeTlsError(peerName, error);
  if (tls !== undefined) return tls;
  const code = systemCode(error);
  const hint = hints[code];
  return new DsyncdError('DSYNCD_LINK_LOST', `${peerName}: ${explanations[code] ?? error.message}`, {
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
  if (systemCode(error) !== 'ECONNRESET') return describeConnectError(peerName, error);
  return new DsyncdError('DSYNCD_TLS_CUT', `${peerName}: closed the connection in the TLS handshake`, {
    outcome: 'transient',
    hint: 'see its log; if that port has no TLS, use tcp: instead of tcps:, or turn on ssl for that listener',
    cause: error,
  });
}

/** Why a sync was stopped from this side: the signal's reason, at least transient. */
export function abortError(peerName: string, signal: AbortSignal): DsyncdError {
  const reason: unknown = signal.reason;
  if (reason instanceof DsyncdError) return reason;
  const text = messageOf(reason);
  return new DsyncdError('DSYNCD_LINK_ABORTED', `the connection to ${peerName} was given up: ${text}`, {
    outcome: 'transient',
    cause: reason,
  });
}

export const peerClosed = (peerName: string): DsyncdError =>
  new DsyncdError('DSYNCD_PEER_CLOSED', `the connections to ${peerName} are being closed`, {
    outcome: 'transient',
  });

export const connectTimeout = (peerName: string, timeoutMs: number): DsyncdError =>
  new DsyncdError('DSYNCD_CONNECT', `cannot connect to ${peerName}: no answer within ${timeoutMs / 1000} s`, {
    outcome: 'transient',
    hint: 'check that the other host is up, that no firewall drops the connection, and the port',
  });
