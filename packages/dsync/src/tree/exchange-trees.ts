import { DsyncdError, limits, type MailboxGuid, type MailboxPath } from '@dsyncd/core';
import type { MailboxStatus, MailboxTree } from '@dsyncd/mailstore';
import type { TreeDeletes, TreeNode } from '@dsyncd/protocol';
import type { Session } from '../session.ts';
import { keepRecreated, yieldNames } from './dovecot-rules.ts';
import { adoptTree, mergeTrees } from './merge.ts';
import { nameHash, ourSeparator, pathKey, sideOfPeer, sideOfStore, type TreeSide } from './side.ts';
import { applyTreeSteps, planTree } from './steps.ts';

export type IsWanted = (path: MailboxPath) => boolean;

/** Tells the peer our tree and what we deleted. */
export async function sendTree(session: Session, tree: MailboxTree, isWanted: IsWanted): Promise<void> {
  const { stream } = session;
  const isPeerDovecot = !session.peerCan('expunges');
  for (const { path, exists, mailbox, ...node } of tree.nodes) {
    if (!isWanted(path)) continue;
    await stream.send({
      type: 'node',
      path,
      // A Dovecot would make a mailbox of a directory.
      existence: exists && (mailbox !== undefined || !isPeerDovecot) ? 'exists' : 'nonexistent',
      ...(mailbox === undefined
        ? {}
        : {
            guid: mailbox.guid,
            uidValidity: mailbox.uidValidity,
            uidNext: mailbox.uidNext,
            highestModSeq: mailbox.highestModSeq,
            messagesCount: mailbox.messagesCount,
          }),
      lastRenamedOrCreated: node.lastRenamedOrCreated,
      subscribed: node.subscribed,
      lastSubscriptionChange: node.lastSubscriptionChange,
    });
  }
  await stream.sendEnd();
  await stream.send(deletesOf(tree));
  await stream.flush();
}

function deletesOf(tree: MailboxTree): TreeDeletes {
  const mailboxes: { guid: MailboxGuid; at: number }[] = [];
  const givenUp: { guid: MailboxGuid; by: MailboxGuid }[] = [];
  const directories: { hash: string; at: number }[] = [];
  const unsubscribes: { hash: string; at: number }[] = [];
  for (const record of tree.deletes) {
    const at = record.deletedAt;
    if (record.type === 'mailbox') mailboxes.push({ guid: record.guid, at });
    else if (record.type === 'given-up') givenUp.push({ guid: record.guid, by: record.by });
    else {
      const hash = nameHash(pathKey(record.path), ourSeparator);
      (record.type === 'directory' ? directories : unsubscribes).push({ hash, at });
    }
  }
  return {
    type: 'deletes',
    hierarchySeparator: ourSeparator,
    escapeCharacter: '',
    mailboxes,
    givenUp,
    directories,
    unsubscribes,
  };
}

export interface PeerTree {
  readonly nodes: readonly TreeNode[];
  readonly deletes: TreeDeletes;
}

export async function receiveTree(session: Session): Promise<PeerTree> {
  const nodes: TreeNode[] = [];
  for await (const node of session.list('node', {
    countMax: limits.mailboxesPerUserMax,
    bytesMax: limits.peerNamesBytesMax,
  }))
    nodes.push(node);
  const deletes = await session.next('deletes');
  if (deletes === undefined) throw session.unexpected({ type: 'end' }, 'deletes');
  checkGuids(session, nodes);
  return { nodes, deletes };
}

function checkGuids(session: Session, nodes: readonly TreeNode[]): void {
  const seen = new Set<string>();
  for (const { guid } of nodes) {
    if (guid === undefined) continue;
    if (seen.has(guid))
      throw new DsyncdError(
        'DSYNCD_PROTOCOL',
        `${session.stream.peerName} has two mailboxes with the GUID ${guid}`,
        {
          outcome: 'operator',
          hint: 'repair the mailboxes on the peer; one was probably copied with its index files',
        },
      );
    seen.add(guid);
  }
}

/** Both sides as a Dovecot sees them: it merges on its own, by its own rules. */
const asWithDovecot = (local: TreeSide, theirs: TreeSide): [TreeSide, TreeSide] => [
  keepRecreated(yieldNames({ ...local, givenUp: new Map() }, theirs), theirs),
  keepRecreated(theirs, local),
];

/** Brings our tree to what both trees merged are; answers whether anything was done. */
export async function mergeTree(
  session: Session,
  tree: MailboxTree,
  peer: PeerTree,
  isWanted: IsWanted,
): Promise<boolean> {
  if (session.isOnlySending) return false;
  const local = sideOfStore(tree, isWanted);
  const theirs = sideOfPeer(peer.nodes, peer.deletes, isWanted);
  const isPeerDovecot = !session.peerCan('expunges');
  const both: [TreeSide, TreeSide] = isPeerDovecot ? asWithDovecot(local, theirs) : [local, theirs];
  const merged = session.isOverwritten
    ? adoptTree(local, theirs)
    : mergeTrees(...both, { otherStays: session.isOnlyReceiving });
  const steps = planTree(local, merged);
  session.counts.mailboxesChanged += steps.length;
  session.counts.mailboxesDeleted += steps.filter(({ type }) => type === 'delete').length;
  session.conflicts.push(...merged.conflicts);
  if (session.isDryRun || steps.length === 0) return false;
  session.changes.push(...(await applyTreeSteps(session.user, steps)));
  return true;
}

export const wantsMailbox =
  (wanted: MailboxPath | undefined, leftOut: readonly MailboxPath[] = []): IsWanted =>
  (path) =>
    (wanted === undefined || path.join('/') === wanted.join('/')) &&
    !leftOut.some((top) => top.every((level, index) => path[index] === level));

export interface Trees {
  /** Ours, as it is after the merge. */
  readonly tree: MailboxTree;
  readonly peerTree: PeerTree;
}

/** Exchanges the trees and merges them into ours. */
export async function exchangeTrees(session: Session, isWanted: IsWanted): Promise<Trees> {
  const tree = await session.user.tree();
  const sending = sendTree(session, tree, isWanted);
  const receiving = receiveTree(session);
  try {
    const [, peerTree] = await Promise.all([sending, receiving]);
    const hasChanged = await mergeTree(session, tree, peerTree, isWanted);
    return { tree: hasChanged ? await session.user.tree() : tree, peerTree };
  } catch (error) {
    session.stream.abort(error);
    await Promise.allSettled([sending, receiving]);
    throw error;
  }
}

export const mailboxesOf = (tree: MailboxTree, isWanted: IsWanted): MailboxStatus[] =>
  tree.nodes.flatMap(({ path, mailbox }) => (mailbox !== undefined && isWanted(path) ? [mailbox] : []));
