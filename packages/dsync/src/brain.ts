import { DsyncdError } from '@dsyncd/core';
import { type ByteLink, DsyncStream, encodeState, type Finish } from '@dsyncd/protocol';
import { follow } from './follow.ts';
import { lead } from './lead.ts';
import { leftOutError } from './mailbox/left-out.ts';
import type { BrainOptions, BrainResult, MasterOptions } from './options.ts';
import { Session } from './session.ts';

/**
 * Runs the master's side of one sync of one user. The caller opens and closes user and link.
 * @throws {DsyncdError} with the outcome that the sync counts as; what is half done, the next sync completes.
 */
export async function runMaster(options: MasterOptions): Promise<BrainResult> {
  const session = new Session({ ...options, isMaster: true });
  try {
    const { isReusable } = await lead(session, options);
    // A full sync that is due goes first: it will name what it leaves out.
    const failure = await leftOutError(session.leftOut, options.user);
    if (failure !== undefined && !session.requiresFullResync) throw failure;
    return resultOf(session, { isReusable });
  } catch (error) {
    if (isFullSyncDue(error)) return resultOf(session, { isReusable: false });
    await giveUp(session);
    throw error;
  }
}

/** Runs the slave's side: what `dsync-server` does. Failures are reported to the peer, and thrown. */
export async function runSlave(options: BrainOptions): Promise<BrainResult> {
  const session = new Session({ ...options, isMaster: false });
  try {
    const { isReusable } = await follow(session, options);
    return resultOf(session, { isReusable });
  } catch (error) {
    await reportFailure(session, error);
    throw error;
  }
}

const isFullSyncDue = (error: unknown): boolean =>
  error instanceof DsyncdError && error.code === 'DSYNCD_UIDVALIDITY_CHANGED';

function resultOf(session: Session, { isReusable }: { readonly isReusable: boolean }): BrainResult {
  const isChanged = session.changes.length > 0 || session.requiresFullResync;
  return {
    outcome: isChanged ? 'changed' : 'ok',
    state: session.requiresFullResync || session.isDryRun ? '' : encodeState([...session.states.values()]),
    isFull: session.syncType === 'full',
    counts: session.counts,
    conflicts: session.conflicts,
    changes: session.changes,
    peerHostname: session.peer.hostname,
    isReusable,
  };
}

/** Tells the peer in order that nothing more comes; it may be gone already. */
async function giveUp(session: Session): Promise<void> {
  try {
    await session.stream.sendDone();
    await session.stream.flush();
  } catch {
    // The connection is what failed.
  }
}

/** Tells the master why there will be no sync, before one has begun. */
export async function refuseSync(link: ByteLink, error: unknown): Promise<void> {
  const stream = new DsyncStream(link);
  await stream.send(failureItem(error, false));
  await stream.flush();
}

const failureItem = (error: unknown, requireFullResync: boolean): Finish => {
  const failure = error instanceof DsyncdError ? error : undefined;
  return {
    type: 'finish',
    error: failure?.message ?? 'internal error',
    requireFullResync,
    ...(failure === undefined ? {} : { code: failure.code, outcome: failure.outcome }),
    hint: failure?.hint,
  };
};

async function reportFailure(session: Session, error: unknown): Promise<void> {
  try {
    await session.stream.sendLast(failureItem(error, session.requiresFullResync));
  } catch {
    // The connection is what failed.
  }
}
