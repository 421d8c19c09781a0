import type { MailboxGuid } from '@dsyncd/core';
import type { MailboxStatus } from '@dsyncd/mailstore';
import { decodeState, type MailboxSyncState, type TreeNode } from '@dsyncd/protocol';
import { cannotDryRun, lockInOrder, masterHandshake, receiveHandshake } from './handshake.ts';
import { findMailbox, fitsState, headerOf, isAsInState, syncMailbox } from './mailbox/sync-mailbox.ts';
import type { DoneBefore, MasterOptions } from './options.ts';
import type { Session, Terms } from './session.ts';
import { applyLateExpunges, forgetLostMailboxes, sendStates } from './states.ts';
import {
  exchangeTrees,
  type IsWanted,
  mailboxesOf,
  type Trees,
  wantsMailbox,
} from './tree/exchange-trees.ts';
import { beforeMailbox, noteDone, othersFirst } from './unfinished.ts';

/** The master's side, from the handshake to the slave's last word. */
export async function lead(
  session: Session,
  options: MasterOptions,
): Promise<{ readonly isReusable: boolean }> {
  const { stream } = session;
  const states = statesToGoOnFrom(options);
  const terms: Terms = {
    syncType: states !== undefined ? 'state' : options.syncType === 'normal' ? 'changed' : 'full',
    isDryRun: options.isDryRun === true,
    oneWay: options.oneWay,
  };
  await stream.send(masterHandshake(options, terms));
  await stream.flush();
  session.agree(await receiveHandshake(session), terms);
  if (session.isDryRun && !session.peerCan('dry-run')) throw cannotDryRun(session);
  if (states !== undefined) await sendStates(session, states);
  const lock = await lockInOrder(session, options);
  try {
    const isWanted = wantsMailbox(options.mailbox, options.leftOut);
    const trees = await exchangeTrees(session, isWanted);
    await leadMailboxes(session, trees, { isWanted, doneBefore: options.doneBefore });
    await applyLateExpunges(session);
    await stream.sendEnd();
    await stream.flush();
    await receiveEnd(session);
    stream.close();
    forgetLostMailboxes(
      session.states,
      mailboxesOf(trees.tree, () => true),
    );
    return { isReusable: session.peerCan('reuse') };
  } finally {
    await lock.release();
  }
}

/** Undefined: the last sync left none, or this one is to look further than at what changed since. */
function statesToGoOnFrom(options: MasterOptions): readonly MailboxSyncState[] | undefined {
  if (options.syncType !== 'incremental' || options.oneWay !== undefined) return undefined;
  const states = options.state === undefined ? undefined : decodeState(options.state);
  return states !== undefined && states.length > 0 ? states : undefined;
}

/** The slave's last word, and before it where its late expunges left its mailboxes. */
async function receiveEnd(session: Session): Promise<void> {
  for (;;) {
    const item = await session.receive();
    if (item.type === 'finish') {
      if (item.requireFullResync) session.requiresFullResync = true;
      return;
    }
    const state = item.type === 'state' ? session.states.get(item.guid) : undefined;
    if (item.type !== 'state') throw session.unexpected(item, 'finish');
    if (state !== undefined) session.states.set(item.guid, { ...state, remoteModSeq: item.lastCommonModSeq });
  }
}

async function leadMailboxes(
  session: Session,
  { tree, peerTree }: Trees,
  { isWanted, doneBefore }: { readonly isWanted: IsWanted; readonly doneBefore: DoneBefore | undefined },
): Promise<void> {
  const peerNodes = new Map<MailboxGuid, TreeNode>();
  for (const node of peerTree.nodes) if (node.guid !== undefined) peerNodes.set(node.guid, node);
  const mailboxes = othersFirst(mailboxesOf(tree, isWanted), doneBefore);
  session.mailboxProgress.total = mailboxes.length;
  for (const [index, status] of mailboxes.entries()) {
    session.mailboxProgress.done = index;
    const state = session.states.get(status.guid);
    const peerNode = peerNodes.get(status.guid);
    const left = doneBefore?.get(status.guid);
    if (left !== undefined && session.peerCan('expunges') && isQuiet(session, status, left, peerNode)) {
      session.states.set(status.guid, left);
      continue;
    }
    if (session.syncType === 'state' && isQuiet(session, status, state, peerNode)) continue;
    if (session.isDryRun && peerNode === undefined) continue;
    const before = beforeMailbox(session, status.guid);
    await leadMailbox(session, status.guid, state);
    noteDone(session, status.guid, before, doneBefore);
  }
}

/** Nothing happened to the mailbox since the last sync, as far as both sides know. */
function isQuiet(
  session: Session,
  status: MailboxStatus,
  state: MailboxSyncState | undefined,
  peerNode: TreeNode | undefined,
): boolean {
  if (state === undefined || !isAsInState(status, state)) return false;
  // A Dovecot sends nothing of its own changes before it is asked; it starts a sync for them itself.
  if (!session.peerCan('expunges')) return true;
  return (
    peerNode?.uidValidity === state.uidValidity &&
    peerNode.uidNext === state.lastCommonUid + 1 &&
    peerNode.highestModSeq === state.remoteModSeq &&
    peerNode.messagesCount === state.messagesCount
  );
}

async function leadMailbox(
  session: Session,
  guid: MailboxGuid,
  state: MailboxSyncState | undefined,
): Promise<void> {
  const mailbox = await findMailbox(session.user, guid);
  if (mailbox === undefined) {
    session.changes.push(`mailbox ${guid} is gone`);
    session.states.delete(guid);
    return;
  }
  const snapshot = await mailbox.status();
  const ignoreState = !fitsState(snapshot, state);
  if (ignoreState && !session.peerCan('expunges')) {
    session.changes.push(`mailbox ${guid} does not go with the state of the last sync`);
    session.requiresFullResync = true;
    session.states.delete(guid);
    return;
  }
  await session.stream.send(headerOf(snapshot, ignoreState));
  await session.stream.flush();
  const remote = await session.next('mailbox');
  if (remote?.guid !== guid) throw session.unexpected(remote ?? { type: 'end' }, 'mailbox');
  if (remote.ignored) return;
  if (remote.lost) {
    session.changes.push(`mailbox ${guid} is gone on the peer`);
    session.states.delete(guid);
    return;
  }
  await syncMailbox(session, mailbox, snapshot, remote, ignoreState);
}
