import { createHash } from 'node:crypto';
import {
  type MailboxGuid,
  type MailboxPath,
  mailboxPathProblem,
  normalizeMailboxPath,
  type UidValidity,
} from '@dsyncd/core';
import type { MailboxTree } from '@dsyncd/mailstore';
import type { TreeDeletes, TreeNode } from '@dsyncd/protocol';

/** A mailbox path as one text; `\0` cannot stand in a name. */
export type PathKey = string;

export const pathKey = (path: MailboxPath): PathKey => path.join('\0');
export const pathOf = (key: PathKey): MailboxPath => key.split('\0');
export const parentKey = (key: PathKey): PathKey | undefined => {
  const end = key.lastIndexOf('\0');
  return end < 0 ? undefined : key.slice(0, end);
};
export const isBelow = (key: PathKey, ancestor: PathKey): boolean => key.startsWith(`${ancestor}\0`);
export const inboxKey: PathKey = 'INBOX';

/** One name of one side's mailbox tree. */
export interface SideNode {
  readonly key: PathKey;
  /** A mailbox or a directory; false for a name that is only subscribed. */
  readonly exists: boolean;
  /** Missing: a directory. */
  readonly mailbox?: SideMailbox;
  /** Unix seconds; a parent's rename counts for its children too. */
  readonly namedAt: number;
  readonly subscribed: boolean;
  readonly subscribedAt: number;
}

interface SideMailbox {
  readonly guid: MailboxGuid;
  readonly uidValidity: UidValidity;
}

/** What one side has and what it remembers as deleted: the same whether it is our store or a peer. */
export interface TreeSide {
  readonly nodes: ReadonlyMap<PathKey, SideNode>;
  readonly deletedMailboxes: ReadonlySet<MailboxGuid>;
  /** GUIDs of mailboxes that became one with another of the same name, and the GUID that this one has. */
  readonly givenUp: ReadonlyMap<MailboxGuid, MailboxGuid>;
  /** Name hash to Unix seconds. */
  readonly deletedDirectories: ReadonlyMap<string, number>;
  readonly unsubscribes: ReadonlyMap<string, number>;
  readonly hierarchySeparator: string;
}

export const guidsOf = (side: TreeSide): Set<MailboxGuid> =>
  new Set([...side.nodes.values()].flatMap(({ mailbox }) => (mailbox === undefined ? [] : [mailbox.guid])));

/** How deletion records name a directory: the first 16 bytes of the SHA-1 of its full name. */
export const nameHash = (key: PathKey, hierarchySeparator: string): string =>
  createHash('sha1').update(key.replaceAll('\0', hierarchySeparator)).digest('hex').slice(0, 32);

/** The separator that our side announces; a level of a name never holds it. */
export const ourSeparator = '/';

export function sideOfStore(tree: MailboxTree, isWanted: (path: MailboxPath) => boolean): TreeSide {
  const nodes = tree.nodes
    .filter(({ path }) => isWanted(path))
    .map(
      (node): SideNode => ({
        key: pathKey(node.path),
        exists: node.exists,
        mailbox:
          node.mailbox === undefined
            ? undefined
            : { guid: node.mailbox.guid, uidValidity: node.mailbox.uidValidity },
        namedAt: node.lastRenamedOrCreated,
        subscribed: node.subscribed,
        subscribedAt: node.lastSubscriptionChange,
      }),
    );
  const deletedMailboxes = new Set<MailboxGuid>();
  const givenUp = new Map<MailboxGuid, MailboxGuid>();
  const deletedDirectories = new Map<string, number>();
  const unsubscribes = new Map<string, number>();
  for (const record of tree.deletes) {
    if (record.type === 'mailbox') deletedMailboxes.add(record.guid);
    else if (record.type === 'given-up') givenUp.set(record.guid, record.by);
    else {
      const hash = nameHash(pathKey(record.path), ourSeparator);
      (record.type === 'directory' ? deletedDirectories : unsubscribes).set(hash, record.deletedAt);
    }
  }
  return {
    nodes: withInheritedTimes(nodes),
    deletedMailboxes,
    givenUp,
    deletedDirectories,
    unsubscribes,
    hierarchySeparator: ourSeparator,
  };
}

export function sideOfPeer(
  peerNodes: readonly TreeNode[],
  deletes: TreeDeletes,
  isWanted: (path: MailboxPath) => boolean,
): TreeSide {
  const nodes: SideNode[] = [];
  for (const node of peerNodes) {
    const path = usablePath(node.path);
    if (!isWanted(path)) continue;
    const { guid, uidValidity } = node;
    const exists = node.existence === 'exists';
    nodes.push({
      key: pathKey(path),
      exists,
      ...(exists && guid !== undefined
        ? { mailbox: { guid, uidValidity: (uidValidity ?? 0) as UidValidity } }
        : {}),
      namedAt: node.lastRenamedOrCreated,
      subscribed: node.subscribed,
      subscribedAt: node.lastSubscriptionChange,
    });
  }
  return {
    nodes: withInheritedTimes(nodes),
    deletedMailboxes: new Set(deletes.mailboxes.map(({ guid }) => guid)),
    givenUp: new Map(deletes.givenUp.map(({ guid, by }) => [guid, by])),
    deletedDirectories: latest(deletes.directories),
    unsubscribes: latest(deletes.unsubscribes),
    hierarchySeparator: deletes.hierarchySeparator,
  };
}

const latest = (records: readonly { readonly hash: string; readonly at: number }[]): Map<string, number> => {
  const map = new Map<string, number>();
  for (const { hash, at } of records) map.set(hash, Math.max(at, map.get(hash) ?? 0));
  return map;
};

/**
 * The peer's name as one that our store can have. Separators and control characters inside a level
 * become `_`, as in Dovecot; a name that cannot be repaired gets one that is made of its hash.
 */
function usablePath(path: MailboxPath): MailboxPath {
  const normal = normalizeMailboxPath(path);
  if (mailboxPathProblem(normal) === undefined) return normal;
  const repaired = normal.map((part) => {
    const text = part.replace(/[\u0000-\u001f\u007f/\ufffd]/g, '_');
    return text === '' || text === '.' || text === '..' ? `_${text}` : text;
  });
  if (mailboxPathProblem(repaired) === undefined) return repaired;
  return [createHash('sha1').update(path.join('\0')).digest('hex').slice(0, 32)];
}

/** A name was last changed when it or any level above it was. */
function withInheritedTimes(nodes: readonly SideNode[]): Map<PathKey, SideNode> {
  const byKey = new Map<PathKey, SideNode>();
  for (const node of nodes.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const parent = nearestParent(byKey, node.key);
    byKey.set(
      node.key,
      parent === undefined ? node : { ...node, namedAt: Math.max(node.namedAt, parent.namedAt) },
    );
  }
  return byKey;
}

function nearestParent(nodes: ReadonlyMap<PathKey, SideNode>, key: PathKey): SideNode | undefined {
  for (let parent = parentKey(key); parent !== undefined; parent = parentKey(parent)) {
    const node = nodes.get(parent);
    if (node !== undefined) return node;
  }
  return undefined;
}

/**
 * Mailboxes that one side still has under a GUID that was given up, and the GUID that the other side
 * has for them. The same whichever side is named first.
 *
 * Nothing is followed to a deleted mailbox (what came after the two became one would go with it), nor
 * where one side has both: there they are two mailboxes.
 */
export function followGivenUp(
  one: TreeSide,
  other: TreeSide,
  deleted: ReadonlySet<MailboxGuid>,
): Map<MailboxGuid, MailboxGuid> {
  const followed = new Map<MailboxGuid, MailboxGuid>();
  if (one.givenUp.size === 0 && other.givenUp.size === 0) return followed;
  const [oneGuids, otherGuids] = [guidsOf(one), guidsOf(other)];
  const taken = new Set<MailboxGuid>();
  for (const [here, there] of [
    [oneGuids, otherGuids],
    [otherGuids, oneGuids],
  ] as const) {
    for (const guid of [...here].toSorted()) {
      if (there.has(guid) || deleted.has(guid) || taken.has(guid)) continue;
      const [by] = laterGuids(guid, [one, other])
        .filter((later) => there.has(later) && !here.has(later) && !deleted.has(later))
        .filter((later) => !taken.has(later) && !followed.has(later))
        .toSorted((a, b) => (a > b ? -1 : 1));
      if (by === undefined) continue;
      followed.set(guid, by);
      taken.add(by);
    }
  }
  return followed;
}

/** Every GUID that this one was given up for, by any number of steps. */
function laterGuids(guid: MailboxGuid, sides: readonly TreeSide[]): MailboxGuid[] {
  const seen = new Set([guid]);
  for (const known of seen)
    for (const { givenUp } of sides) {
      const by = givenUp.get(known);
      if (by !== undefined) seen.add(by);
    }
  seen.delete(guid);
  return [...seen];
}
