import { type Clock, DsyncdError, knownErrorCode, messageOf, parseDestination } from '@dsyncd/core';
import type { DoveadmLogLine } from '@dsyncd/protocol';
import { connectSocket } from '@dsyncd/transport';
import { judge } from './verdict.ts';

const probeTimeoutMs = 3_000;

/**
 * Why the doveadm process of a command ended without an answer. Dovecot does that when it cannot reach
 * the other host, and logs nothing that we get, so we try the other host ourselves.
 */
export async function diagnoseExit(
  destination: string,
  log: readonly DoveadmLogLine[],
  clock: Clock,
  signal: AbortSignal,
): Promise<DsyncdError> {
  const { failure, outcome } = judge({ output: [], word: 'TEMPFAIL' }, log);
  if (failure !== undefined && failure.code !== 'DSYNCD_DOVECOT_TEMPFAIL')
    return new DsyncdError(knownErrorCode(failure.code, 'DSYNCD_DOVECOT_TEMPFAIL'), failure.reason, {
      outcome: outcome === 'ok' || outcome === 'changed' ? 'transient' : outcome,
      hint: failure.hint,
    });
  return (await unreachable(destination, clock, signal)) ?? died;
}

const died = new DsyncdError(
  'DSYNCD_DOVEADM_DIED',
  'the doveadm process of Dovecot ended without an answer',
  {
    outcome: 'transient',
    hint: 'its log has a line with Fatal or Panic that says why; a restart of Dovecot ends running syncs too',
  },
);

async function unreachable(
  text: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<DsyncdError | undefined> {
  const destination = parseDestination(text, { doveadmPort: 1 });
  if (destination.kind !== 'tcp') return undefined;
  const attempt = AbortSignal.any([signal, timeoutSignal(clock)]);
  try {
    // Only whether anyone listens: what the certificate is worth is for Dovecot to say.
    const socket = await connectSocket({ ...destination, tls: false }, attempt);
    socket.destroy();
    return undefined;
  } catch (error) {
    return new DsyncdError('DSYNCD_CONNECT', messageOf(error), {
      outcome: 'transient',
      hint: 'check that Dovecot runs on the other host, that its doveadm service listens on that port, and the firewall',
      cause: error,
    });
  }
}

function timeoutSignal(clock: Clock): AbortSignal {
  const controller = new AbortController();
  clock.after(probeTimeoutMs, () =>
    controller.abort(new Error(`no answer within ${probeTimeoutMs / 1000} s`)),
  );
  return controller.signal;
}
