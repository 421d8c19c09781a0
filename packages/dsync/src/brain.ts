import { DsyncdError, type MailboxGuid, type MailboxPath } from '@dsyncd/core';
import type { MailboxStatus, MailboxTree, SyncLock, UserMail } from '@dsyncd/mailstore';
import {
  type ByteLink,
  DsyncStream,
  decodeState,
  encodeState,
  type Finish,
  type Handshake,
  type MailboxSyncState,
  type TreeNode,
} from '@dsyncd/protocol';
import type { Counts } from './counts.ts';
import { doWeLockFirst } from './lock-order.ts';
import { fitsState, headerOf, isAsInState, lostHeader, syncMailbox } from './mailbox/sync-mailbox.ts';
import { ourFeatures, Session } from './session.ts';
import { type IsWanted, mergeTree, type PeerTree, receiveTree, sendTree } from './tree/exchange.ts';

export interface BrainOptions {
  readonly user: UserMail;
  readonly link: ByteLink;
  /** Of this host; must differ from the peer's. */
  readonly hostname: string;
  /** How long to wait for the user's lock, on either side. */
  readonly lockTimeoutMs: number;
}

export interface MasterOptions extends BrainOptions {
  readonly syncType: 'incremental' | 'normal' | 'full';
  /** What the last sync left; undefined or damaged: a full sync. */
  readonly state?: string | undefined;
  /** Only this mailbox. */
  readonly mailbox?: MailboxPath;
  /** Only look and count; neither side changes anything. */
  readonly isDryRun?: boolean;
}

export interface BrainResult {
  /** `changed`: a mailbox changed meanwhile, another sync should follow soon. */
  readonly outcome: 'ok' | 'changed';
  /** For the next incremental sync; `''`: the next one must be full. Only the master's is to be kept. */
  readonly state: string;
  readonly isFull: boolean;
  readonly counts: Counts;
  readonly conflicts: readonly string[];
  /** What changed meanwhile, one line each. */
  readonly changes: readonly string[];
  readonly peerHostname: string;
  /** The stream ended in order and both sides know it: the connection may carry the next sync. */
  readonly isReusable: boolean;
}

/**
 * Runs the master's side of one sync of one user. The caller opens and closes user and link.
 * @throws {DsyncdError} with the outcome that the sync counts as; nothing is half done in a way that the next sync does not mend.
 */
export async function runMaster(options: MasterOptions): Promise<BrainResult> {
  const session = new Session({ ...options, isMaster: true });
  try {
    return await lead(session, options);
  } catch (error) {
    if (isFullSyncDue(error)) return resultOf(session, { isReusable: false });
    await giveUp(session);
    throw error;
  }
}

/** Runs the slave's side: what `dsync-server` does. Failures are told to the peer, and thrown. */
export async function runSlave(options: BrainOptions): Promise<BrainResult> {
  const session = new Session({ ...options, isMaster: false });
  try {
    return await follow(session, options);
  } catch (error) {
    await tellFailure(session, error);
    throw error;
  }
}

const isFullSyncDue = (error: unknown): boolean =>
  error instanceof DsyncdError && error.code === 'DSYNCD_UIDVALIDITY_CHANGED';

async function lead(session: Session, options: MasterOptions): Promise<BrainResult> {
  const { stream } = session;
  const states = options.state === undefined ? undefined : decodeState(options.state);
  const hasState = options.syncType === 'incremental' && states !== undefined && states.length > 0;
  session.syncType = hasState ? 'state' : options.syncType === 'normal' ? 'changed' : 'full';
  session.isDryRun = options.isDryRun === true;
  await stream.send(handshakeOf(session, options));
  await stream.flush();
  session.peer = await receiveHandshake(session);
  if (session.isDryRun && !session.peerCan('dry-run')) throw cannotDryRun(session);
  if (hasState) await sendStates(session, states);
  const lock = await lockInOrder(session, options);
  try {
    const isWanted = wantsMailbox(options.mailbox);
    const trees = await exchangeTrees(session, isWanted);
    await leadMailboxes(session, trees, isWanted);
    await stream.sendEnd();
    await stream.flush();
    const finish = await session.next('finish');
    if (finish === undefined) throw session.unexpected({ type: 'end' }, 'finish');
    if (finish.requireFullResync) session.requiresFullResync = true;
    stream.close();
    forgetLostMailboxes(session, trees.tree);
    return resultOf(session, { isReusable: session.peerCan('reuse') });
  } finally {
    await lock.release();
  }
}

async function follow(session: Session, options: BrainOptions): Promise<BrainResult> {
  const { stream } = session;
  await stream.send(handshakeOf(session, options));
  await stream.flush();
  const peer = await receiveHandshake(session);
  session.peer = peer;
  checkWishes(session, peer);
  session.syncType = peer.syncType ?? 'full';
  session.isDryRun = peer.features?.includes('dry-run-now') === true;
  if (session.syncType === 'state') await receiveStates(session);
  const lock = await lockInOrder(session, options);
  try {
    await exchangeTrees(session, wantsMailbox(peer.syncBox?.split('/')));
    await followMailboxes(session);
    await stream.send({ type: 'finish', requireFullResync: session.requiresFullResync });
    await stream.flush();
    stream.close();
    return resultOf(session, { isReusable: session.peerCan('reuse') });
  } finally {
    await lock.release();
  }
}

function handshakeOf(session: Session, options: BrainOptions & Partial<MasterOptions>): Handshake {
  const features: string[] = [...ourFeatures];
  if (session.isDryRun) features.push('dry-run-now');
  if (!session.isMaster) return { type: 'handshake', hostname: options.hostname, features };
  return {
    type: 'handshake',
    hostname: options.hostname,
    syncType: session.syncType,
    lockTimeoutSecs: Math.max(1, Math.round(options.lockTimeoutMs / 1000)),
    sendMailRequests: true,
    ...(options.mailbox === undefined ? {} : { syncBox: options.mailbox.join('/') }),
    features,
  };
}

async function receiveHandshake(session: Session): Promise<Handshake> {
  const handshake = await session.next('handshake');
  if (handshake === undefined) throw session.unexpected({ type: 'end' }, 'handshake');
  return handshake;
}

/** What a Dovecot can ask for and we do not do. */
function checkWishes(session: Session, peer: Handshake): void {
  const refused = (
    [
      ['a sync without mail requests', peer.sendMailRequests !== true],
      ['a backup (one-way sync that deletes)', (peer.backupSend || peer.backupRecv) === true],
      ['a sync without mails', peer.noMailSync === true],
      [
        'a sync of some mails only',
        [peer.syncSinceTimestamp, peer.syncUntilTimestamp, peer.syncMaxSize, peer.syncFlags].some(
          (wish) => wish !== undefined,
        ),
      ],
    ] as const
  ).find(([, isWished]) => isWished);
  if (refused === undefined) return;
  throw new DsyncdError('DSYNCD_UNSUPPORTED', `${session.stream.peerName} asks for ${refused[0]}`, {
    outcome: 'operator',
    hint: 'use a plain two-way sync, as the replicator does',
  });
}

const cannotDryRun = (session: Session): DsyncdError =>
  new DsyncdError('DSYNCD_UNSUPPORTED', `${session.stream.peerName} cannot do a dry run: it is no dsyncd`, {
    outcome: 'operator',
    hint: 'leave --dry-run out',
  });

async function sendStates(session: Session, states: readonly MailboxSyncState[]): Promise<void> {
  for (const state of states) {
    session.states.set(state.guid, state);
    await session.stream.send({
      type: 'state',
      guid: state.guid,
      uidValidity: state.uidValidity as MailboxStatus['uidValidity'],
      lastCommonUid: state.lastCommonUid as MailboxStatus['uidNext'],
      lastCommonModSeq: state.remoteModSeq as MailboxStatus['highestModSeq'],
      lastCommonPvtModSeq: state.lastCommonPvtModSeq as MailboxStatus['highestModSeq'],
      messagesCount: state.messagesCount,
      changedDuringSync: false,
    });
  }
  await session.stream.sendEnd();
  await session.stream.flush();
}

async function receiveStates(session: Session): Promise<void> {
  for (let item = await session.next('state'); item !== undefined; item = await session.next('state'))
    session.states.set(item.guid, {
      guid: item.guid,
      uidValidity: item.uidValidity,
      lastCommonUid: item.lastCommonUid,
      localModSeq: item.lastCommonModSeq,
      remoteModSeq: item.lastCommonModSeq,
      lastCommonPvtModSeq: item.lastCommonPvtModSeq,
      messagesCount: item.messagesCount,
    });
}

/** Takes our lock of the user, when it is our turn; see lock-order.ts. */
async function lockInOrder(session: Session, options: BrainOptions): Promise<SyncLock> {
  if (!doWeLockFirst(session.hostname, session.peer.hostname)) await session.awaitNext();
  return await session.user.lock(options.lockTimeoutMs);
}

const wantsMailbox =
  (wanted: MailboxPath | undefined): IsWanted =>
  (path) =>
    wanted === undefined || path.join('/') === wanted.join('/');

interface Trees {
  /** Ours, as it is after the merge. */
  readonly tree: MailboxTree;
  readonly peerTree: PeerTree;
}

async function exchangeTrees(session: Session, isWanted: IsWanted): Promise<Trees> {
  const tree = await session.user.tree();
  const sending = sendTree(session, tree, isWanted);
  const receiving = receiveTree(session);
  try {
    const [, peerTree] = await Promise.all([sending, receiving]);
    const hasChanged = await mergeTree(session, tree, peerTree, isWanted);
    return { tree: hasChanged ? await session.user.tree() : tree, peerTree };
  } catch (error) {
    session.abort(error);
    await Promise.allSettled([sending, receiving]);
    throw error;
  }
}

async function leadMailboxes(session: Session, { tree, peerTree }: Trees, isWanted: IsWanted): Promise<void> {
  const peerNodes = new Map<MailboxGuid, TreeNode>();
  for (const node of peerTree.nodes) if (node.guid !== undefined) peerNodes.set(node.guid, node);
  for (const status of mailboxesOf(tree, isWanted)) {
    const state = session.states.get(status.guid);
    const peerNode = peerNodes.get(status.guid);
    if (session.syncType === 'state' && isQuiet(session, status, state, peerNode)) continue;
    if (session.isDryRun && peerNode === undefined) continue;
    await leadMailbox(session, status.guid, state);
  }
}

const mailboxesOf = (tree: MailboxTree, isWanted: IsWanted): MailboxStatus[] =>
  tree.nodes.flatMap(({ path, mailbox }) => (mailbox !== undefined && isWanted(path) ? [mailbox] : []));

/** Nothing happened to the mailbox since the last sync, as far as both sides tell. */
function isQuiet(
  session: Session,
  status: MailboxStatus,
  state: MailboxSyncState | undefined,
  peerNode: TreeNode | undefined,
): boolean {
  if (state === undefined || !isAsInState(status, state)) return false;
  // A Dovecot tells nothing of its own changes before it is asked; it starts a sync for them itself.
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
  const mailbox = await session.user.mailbox(guid);
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

async function followMailboxes(session: Session): Promise<void> {
  for (
    let remote = await session.next('mailbox');
    remote !== undefined;
    remote = await session.next('mailbox')
  ) {
    const mailbox = await findMailbox(session.user, remote.guid);
    if (mailbox === undefined) {
      if (!session.isDryRun) session.changes.push(`mailbox ${remote.guid} is gone`);
      await session.stream.send(lostHeader(remote.guid));
      await session.stream.flush();
      continue;
    }
    const snapshot = await mailbox.status();
    const ignoreState = !fitsState(snapshot, session.states.get(remote.guid));
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

async function findMailbox(
  user: UserMail,
  guid: MailboxGuid,
): Promise<Awaited<ReturnType<UserMail['mailbox']>> | undefined> {
  try {
    return await user.mailbox(guid);
  } catch (error) {
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_NO_MAILBOX') return undefined;
    throw error;
  }
}

/** States of mailboxes that are no more would only grow the state string. */
function forgetLostMailboxes(session: Session, tree: MailboxTree): void {
  const present = new Set(mailboxesOf(tree, () => true).map(({ guid }) => guid));
  for (const guid of session.states.keys()) if (!present.has(guid)) session.states.delete(guid);
}

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
    ...(failure?.hint === undefined ? {} : { hint: failure.hint }),
  };
};

async function tellFailure(session: Session, error: unknown): Promise<void> {
  try {
    await session.tell(failureItem(error, session.requiresFullResync));
  } catch {
    // The connection is what failed.
  }
}
