import type { MailboxGuid, UidValidity } from '@dsyncd/core';
import {
  followGivenUp,
  guidsOf,
  inboxKey,
  nameHash,
  type PathKey,
  parentKey,
  pathKey,
  pathOf,
  type SideNode,
  type TreeSide,
} from './side.ts';

/** What both sides look like after the merge. */
export interface MergedTree {
  readonly mailboxes: ReadonlyMap<MailboxGuid, MergedMailbox>;
  /** Directories to keep or create, beside those that are parents of a mailbox. */
  readonly directories: ReadonlySet<PathKey>;
  readonly subscriptions: ReadonlyMap<PathKey, MergedSubscription>;
  /** Mailboxes of the same name that both sides created: the first GUID becomes the second. */
  readonly replacedGuids: ReadonlyMap<MailboxGuid, MailboxGuid>;
  readonly deletedMailboxes: ReadonlySet<MailboxGuid>;
  /** What both sides know and this merge added: the first GUID was given up for the second. */
  readonly givenUp: ReadonlyMap<MailboxGuid, MailboxGuid>;
  /** One line each about what both sides had changed at once. */
  readonly conflicts: readonly string[];
}

export interface MergedMailbox {
  readonly guid: MailboxGuid;
  readonly uidValidity: UidValidity;
  readonly key: PathKey;
  readonly namedAt: number;
}

export interface MergedSubscription {
  readonly subscribed: boolean;
  readonly changedAt: number;
}

interface Candidate {
  readonly key: PathKey;
  readonly namedAt: number;
  readonly uidValidity: UidValidity;
}

/**
 * Merges two mailbox trees. Pure, and the same whichever side is named first, so that both hosts
 * come to the same result on their own.
 *
 * Mailboxes are known by GUID. A deletion always wins. Where both sides have a mailbox under
 * different names, the later rename wins. Two mailboxes that were created independently under one name
 * become one (the greater GUID stays, as in Dovecot); otherwise the later one keeps the name and
 * the other gets its GUID appended. A mailbox whose GUID was given up elsewhere is the same mailbox
 * as the one that it became, whatever name it has by now.
 */
export function mergeTrees(
  one: TreeSide,
  other: TreeSide,
  { otherStays = false }: { readonly otherStays?: boolean } = {},
): MergedTree {
  const conflicts: string[] = [];
  const deletedMailboxes = new Set([...one.deletedMailboxes, ...other.deletedMailboxes]);
  const replacedGuids = followGivenUp(one, other, deletedMailboxes);
  const known = new Set([...replacedGuids].flat());
  for (const [guid, by] of findTwins(one, other, { deleted: deletedMailboxes, otherStays }))
    if (!known.has(guid) && !known.has(by)) replacedGuids.set(guid, by);
  for (const guid of replacedGuids.values()) deletedMailboxes.delete(guid);
  const candidates = collectCandidates([one, other], deletedMailboxes, replacedGuids);
  const mailboxes = assignNames(candidates, conflicts);
  return {
    mailboxes,
    directories: mergeDirectories(one, other, { mailboxes, replaced: replacedGuids, otherStays }),
    subscriptions: mergeSubscriptions(one, other),
    replacedGuids,
    deletedMailboxes,
    givenUp: new Map([...other.givenUp, ...one.givenUp, ...replacedGuids]),
    conflicts,
  };
}

/**
 * The other tree as it is, for a side that is to be made equal to it. Mailboxes of the same name get
 * the other's GUID, which spares sending their mail again; an INBOX stays where the other has none.
 */
export function adoptTree(one: TreeSide, other: TreeSide): MergedTree {
  const replacedGuids = findTwins(one, other, { deleted: new Set(), otherStays: true });
  const mailboxes = new Map<MailboxGuid, MergedMailbox>();
  const directories = new Set<PathKey>();
  for (const { key, exists, mailbox, namedAt } of other.nodes.values()) {
    if (mailbox !== undefined) mailboxes.set(mailbox.guid, { ...mailbox, key, namedAt });
    else if (exists) directories.add(key);
  }
  const inbox = one.nodes.get(inboxKey);
  if (other.nodes.get(inboxKey)?.mailbox === undefined && inbox?.mailbox !== undefined)
    if (!mailboxes.has(inbox.mailbox.guid))
      mailboxes.set(inbox.mailbox.guid, { ...inbox.mailbox, key: inboxKey, namedAt: inbox.namedAt });
  const subscriptions = new Map<PathKey, MergedSubscription>();
  for (const key of new Set([...one.nodes.keys(), ...other.nodes.keys()])) {
    const { subscribed = false, subscribedAt: changedAt = 0 } = other.nodes.get(key) ?? {};
    subscriptions.set(key, { subscribed, changedAt });
  }
  const deletedMailboxes = new Set(
    [...guidsOf(one)].filter((guid) => !mailboxes.has(replacedGuids.get(guid) ?? guid)),
  );
  return {
    mailboxes,
    directories,
    subscriptions,
    replacedGuids,
    deletedMailboxes,
    givenUp: replacedGuids,
    conflicts: [],
  };
}

/** Same name, different GUIDs, and neither side knows the other's: loser to winner. */
function findTwins(
  one: TreeSide,
  other: TreeSide,
  { deleted, otherStays }: { readonly deleted: ReadonlySet<MailboxGuid>; readonly otherStays: boolean },
): Map<MailboxGuid, MailboxGuid> {
  const twins = new Map<MailboxGuid, MailboxGuid>();
  const [oneGuids, otherGuids] = [guidsOf(one), guidsOf(other)];
  for (const { key, mailbox } of one.nodes.values()) {
    const twin = other.nodes.get(key)?.mailbox;
    if (mailbox === undefined || twin === undefined || mailbox.guid === twin.guid) continue;
    if (otherGuids.has(mailbox.guid) || oneGuids.has(twin.guid)) continue;
    // The INBOX cannot go, so a GUID that was deleted elsewhere is given up for the other one.
    const isInbox = key === inboxKey;
    if (!isInbox && (deleted.has(mailbox.guid) || deleted.has(twin.guid))) continue;
    const oneStays =
      !otherStays &&
      (deleted.has(mailbox.guid) === deleted.has(twin.guid)
        ? mailbox.guid > twin.guid
        : deleted.has(twin.guid));
    if (oneStays) twins.set(twin.guid, mailbox.guid);
    else twins.set(mailbox.guid, twin.guid);
  }
  return twins;
}

function collectCandidates(
  sides: readonly TreeSide[],
  deleted: Set<MailboxGuid>,
  replaced: ReadonlyMap<MailboxGuid, MailboxGuid>,
): Map<MailboxGuid, Candidate[]> {
  const candidates = new Map<MailboxGuid, Candidate[]>();
  for (const side of sides) {
    for (const { key, mailbox, namedAt } of side.nodes.values()) {
      if (mailbox === undefined) continue;
      const guid = replaced.get(mailbox.guid) ?? mailbox.guid;
      if (deleted.has(guid)) {
        // An INBOX is always there, whatever a deletion record of an earlier life says.
        if (key !== inboxKey) continue;
        deleted.delete(guid);
      }
      const list = candidates.get(guid) ?? [];
      list.push({ key, namedAt, uidValidity: mailbox.uidValidity });
      candidates.set(guid, list);
    }
  }
  return candidates;
}

/** Later first; at the same time the lesser name, so that both sides choose alike. */
const byNaming = (a: { key: PathKey; namedAt: number }, b: { key: PathKey; namedAt: number }): number =>
  b.namedAt - a.namedAt || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

function assignNames(
  candidates: ReadonlyMap<MailboxGuid, readonly Candidate[]>,
  conflicts: string[],
): Map<MailboxGuid, MergedMailbox> {
  const wishes = [...candidates].map(([guid, names]) => {
    const [best] = names.toSorted(byNaming);
    const uidValidity = Math.max(...names.map((name) => name.uidValidity)) as UidValidity;
    return { guid, names, uidValidity, key: best?.key ?? '', namedAt: best?.namedAt ?? 0 };
  });
  keepInbox(wishes);
  wishes.sort((a, b) => b.namedAt - a.namedAt || (a.guid < b.guid ? 1 : -1));
  const taken = new Set<PathKey>();
  const merged = new Map<MailboxGuid, MergedMailbox>();
  for (const { guid, names, uidValidity, key, namedAt } of wishes) {
    const isFree = !taken.has(key);
    const free = isFree ? key : nameWithGuid(key, guid, taken);
    if (!isFree)
      conflicts.push(
        `two mailboxes were named ${pathOf(key).join('/')}: one is now ${pathOf(free).join('/')}`,
      );
    else if (new Set(names.map((name) => name.key)).size > 1)
      conflicts.push(`a mailbox had two names: it is now ${pathOf(key).join('/')}`);
    taken.add(free);
    merged.set(guid, { guid, uidValidity, key: free, namedAt });
  }
  return merged;
}

/** Someone must be the INBOX: if every holder was renamed away elsewhere, the last one stays. */
function keepInbox(
  wishes: { guid: MailboxGuid; names: readonly Candidate[]; key: PathKey; namedAt: number }[],
): void {
  if (wishes.some(({ key }) => key === inboxKey)) return;
  const holders = wishes.flatMap((wish) =>
    wish.names.filter(({ key }) => key === inboxKey).map(({ namedAt }) => ({ wish, namedAt })),
  );
  holders.sort((a, b) => b.namedAt - a.namedAt || (a.wish.guid < b.wish.guid ? 1 : -1));
  const keeper = holders[0]?.wish;
  if (keeper !== undefined) keeper.key = inboxKey;
}

const partBytesMax = 255;

function nameWithGuid(key: PathKey, guid: MailboxGuid, taken: ReadonlySet<PathKey>): PathKey {
  const path = pathOf(key);
  const parents = path.slice(0, -1);
  let name = path.at(-1) ?? '';
  while (Buffer.byteLength(name) > partBytesMax - guid.length - 1) name = [...name].slice(0, -1).join('');
  let free = pathKey([...parents, `${name}-${guid}`]);
  for (let count = 2; taken.has(free); count++) free = pathKey([...parents, `${guid}-${count}`]);
  return free;
}

function mergeDirectories(
  one: TreeSide,
  other: TreeSide,
  {
    mailboxes,
    replaced,
    otherStays,
  }: {
    readonly mailboxes: ReadonlyMap<MailboxGuid, MergedMailbox>;
    readonly replaced: ReadonlyMap<MailboxGuid, MailboxGuid>;
    readonly otherStays: boolean;
  },
): Set<PathKey> {
  const mailboxKeys = new Set([...mailboxes.values()].map(({ key }) => key));
  const mailboxParents = parentsOfAll(mailboxKeys);
  const formerParents = parentsOfAll([...mailboxKeysOf(one), ...mailboxKeysOf(other)]);
  // It was the parent of mailboxes, and they have all gone elsewhere.
  const isDeserted = (key: PathKey): boolean => formerParents.has(key) && !mailboxParents.has(key);
  const kept = new Set<PathKey>();
  const names = new Set([...one.nodes.keys(), ...other.nodes.keys()]);
  for (const key of names) {
    if (mailboxKeys.has(key)) continue;
    const nodes = [one.nodes.get(key), other.nodes.get(key)].filter((node) => node !== undefined);
    const holdsName = nodes.some((node) => node.exists && !isMailboxMovedAway(node, mailboxes, replaced));
    if (!holdsName || isDirectoryDeleted(key, nodes, [one, other])) continue;
    const staysThere = otherStays && other.nodes.get(key)?.exists === true;
    if (!staysThere && isDeserted(key)) continue;
    kept.add(key);
  }
  return kept;
}

const mailboxKeysOf = ({ nodes }: TreeSide): PathKey[] =>
  [...nodes.values()].flatMap(({ key, mailbox }) => (mailbox === undefined ? [] : [key]));

/** Every name that one of these is below, at any depth. */
function parentsOfAll(keys: Iterable<PathKey>): Set<PathKey> {
  const parents = new Set<PathKey>();
  for (const key of keys)
    for (let parent = parentKey(key); parent !== undefined; parent = parentKey(parent)) {
      // Those above it are there already.
      if (parents.has(parent)) break;
      parents.add(parent);
    }
  return parents;
}

/** A mailbox that was deleted or got another name does not leave a directory behind. */
const isMailboxMovedAway = (
  node: SideNode,
  mailboxes: ReadonlyMap<MailboxGuid, MergedMailbox>,
  replaced: ReadonlyMap<MailboxGuid, MailboxGuid>,
): boolean => {
  if (node.mailbox === undefined) return false;
  const guid = replaced.get(node.mailbox.guid) ?? node.mailbox.guid;
  return mailboxes.get(guid)?.key !== node.key;
};

function isDirectoryDeleted(key: PathKey, nodes: readonly SideNode[], sides: readonly TreeSide[]): boolean {
  const namedAt = Math.max(...nodes.filter(({ exists }) => exists).map((node) => node.namedAt));
  return sides.some((side) => {
    const deletedAt = side.deletedDirectories.get(nameHash(key, side.hierarchySeparator));
    // The side that has the directory made it again after it deleted it.
    return deletedAt !== undefined && deletedAt > namedAt && side.nodes.get(key)?.exists !== true;
  });
}

function mergeSubscriptions(one: TreeSide, other: TreeSide): Map<PathKey, MergedSubscription> {
  const merged = new Map<PathKey, MergedSubscription>();
  for (const key of new Set([...one.nodes.keys(), ...other.nodes.keys()])) {
    const views = [one, other].map((side) => subscriptionOf(side, key));
    // At the same time subscribing wins.
    const [best] = views.toSorted(
      (a, b) => b.changedAt - a.changedAt || Number(b.subscribed) - Number(a.subscribed),
    );
    if (best !== undefined) merged.set(key, best);
  }
  return merged;
}

function subscriptionOf(side: TreeSide, key: PathKey): MergedSubscription {
  const node = side.nodes.get(key);
  const unsubscribedAt = side.unsubscribes.get(nameHash(key, side.hierarchySeparator)) ?? 0;
  if (node !== undefined && (node.subscribed || node.subscribedAt >= unsubscribedAt))
    return { subscribed: node.subscribed, changedAt: node.subscribedAt };
  return { subscribed: false, changedAt: unsubscribedAt };
}

/** Every name with a mailbox or kept directory at it or below it. */
export function namesInUse({ mailboxes, directories }: MergedTree): Set<PathKey> {
  const keys = [...[...mailboxes.values()].map(({ key }) => key), ...directories];
  return new Set([...keys, ...parentsOfAll(keys)]);
}
