import { DsyncdError } from '@dsyncd/core';
import type { SyncLock } from '@dsyncd/mailstore';
import type { BrainOptions } from './options.ts';
import type { Session } from './session.ts';

/**
 * Which side locks the user first: the one with the lesser host name (byte by byte), as in Dovecot.
 * A sync each way at the same time then meets at the same first lock, so neither waits for ever.
 *
 * The first side locks at once and goes on; the second waits for the first one's mailbox tree, which
 * is the sign that it has its lock.
 *
 * @throws {DsyncdError} `DSYNCD_SAME_HOSTNAME` (operator)
 */
export function doWeLockFirst(ourHostname: string, peerHostname: string): boolean {
  const order = Buffer.compare(Buffer.from(ourHostname), Buffer.from(peerHostname));
  if (order !== 0) return order < 0;
  throw new DsyncdError('DSYNCD_SAME_HOSTNAME', `both hosts are named ${ourHostname}`, {
    outcome: 'operator',
    hint: 'give each host its own `hostname` in its configuration',
  });
}

/** Takes our lock of the user, when it is our turn. */
export async function lockInOrder(session: Session, options: BrainOptions): Promise<SyncLock> {
  if (!doWeLockFirst(session.hostname, session.peer.hostname)) await session.awaitNext();
  return session.user.lock(options.lockTimeoutMs);
}
