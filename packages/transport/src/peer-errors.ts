import { DsyncdError } from '@dsyncd/core';

export const peerClosed = (peerName: string): DsyncdError =>
  new DsyncdError('DSYNCD_PEER_CLOSED', `the connections to ${peerName} are being closed`, {
    outcome: 'transient',
  });

export const connectTimeout = (peerName: string, timeoutMs: number): DsyncdError =>
  new DsyncdError('DSYNCD_CONNECT', `cannot connect to ${peerName}: no answer within ${timeoutMs / 1000} s`, {
    outcome: 'transient',
    hint: 'check that the other host is up, that no firewall drops the connection, and the port',
  });
