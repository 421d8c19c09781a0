import {
  lockInOrder,
  receiveHandshake,
  refuseUnsupported,
  slaveHandshake,
  termsAskedBy,
} from './handshake.ts';
import { leftOutError } from './mailbox/left-out.ts';
import {
  findMailbox,
  fitsState,
  headerOf,
  isUntouched,
  lostHeader,
  syncMailbox,
} from './mailbox/sync-mailbox.ts';
import type { BrainOptions } from './options.ts';
import type { Session } from './session.ts';
import { applyLateExpunges, receiveStates } from './states.ts';
import { exchangeTrees, wantsMailbox } from './tree/exchange-trees.ts';

/** The slave's side, from the handshake to its last word. */
export async function follow(
  session: Session,
  options: BrainOptions,
): Promise<{ readonly isReusable: boolean }> {
  const { stream } = session;
  await stream.send(slaveHandshake(options));
  await stream.flush();
  const peer = await receiveHandshake(session);
  session.agree(peer, termsAskedBy(peer));
  refuseUnsupported(session, peer);
  if (session.syncType === 'state') await receiveStates(session);
  const lock = await lockInOrder(session, options);
  try {
    await exchangeTrees(session, wantsMailbox(peer.syncBox?.split('/')));
    await followMailboxes(session);
    for (const state of await applyLateExpunges(session)) await stream.send(state);
    // Told as our last word, when there is nothing more to do.
    const failure = await leftOutError(session.leftOut, options.user);
    if (failure !== undefined) throw failure;
    await stream.send({ type: 'finish', requireFullResync: session.requiresFullResync });
    await stream.flush();
    stream.close();
    return { isReusable: session.peerCan('reuse') };
  } finally {
    await lock.release();
  }
}

async function followMailboxes(session: Session): Promise<void> {
  for (
    let remote = await session.next('mailbox');
    remote !== undefined;
    remote = await session.next('mailbox')
  ) {
    const mailbox = await findMailbox(session.user, remote.guid);
    if (mailbox === undefined) {
      // The receiving side may have mailboxes of its own.
      const isItsOwn = session.isOnlySending && session.oneWay?.overwrites === false;
      if (!session.isDryRun && !isItsOwn) session.changes.push(`mailbox ${remote.guid} is gone`);
      const lost = lostHeader(remote.guid);
      await session.stream.send(isItsOwn ? { ...lost, lost: false, ignored: true } : lost);
      await session.stream.flush();
      continue;
    }
    const snapshot = await mailbox.status();
    const state = session.states.get(remote.guid);
    const fits = session.isOverwritten ? isUntouched(snapshot, state) : fitsState(snapshot, state);
    const ignoreState = !fits;
    if (ignoreState && !session.peerCan('expunges')) {
      session.requiresFullResync = true;
      await session.stream.send(lostHeader(remote.guid));
      await session.stream.flush();
      continue;
    }
    await session.stream.send(headerOf(snapshot, ignoreState));
    await session.stream.flush();
    await syncMailbox(session, mailbox, snapshot, remote, ignoreState);
  }
}
