import { DsyncdError } from '@dsyncd/core';

/** Why a sync was stopped from this side: the signal's reason, at least transient. */
export function abortError(peerName: string, signal: AbortSignal): DsyncdError {
  const reason: unknown = signal.reason;
  if (reason instanceof DsyncdError) return reason;
  const text = reason instanceof Error ? reason.message : String(reason);
  return new DsyncdError('DSYNCD_LINK_ABORTED', `the connection to ${peerName} was given up: ${text}`, {
    outcome: 'transient',
    cause: reason,
  });
}
