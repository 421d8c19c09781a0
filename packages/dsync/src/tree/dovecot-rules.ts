import type { MailboxGuid } from '@dsyncd/core';
import { guidsOf, type PathKey, pathOf, type SideNode, type TreeSide } from './side.ts';

/**
 * The side without the deletion records that a Dovecot does not heed: it leaves a mailbox alone whose
 * name the side that deleted it has for a new one, and makes one of the two (the greater GUID stays).
 * Where the new one is an older mailbox that got this name, the deletion stays: that Dovecot heeds in
 * its next sync.
 */
export function keepRecreated(side: TreeSide, other: TreeSide): TreeSide {
  if (side.deletedMailboxes.size === 0) return side;
  const keyThere = new Map<MailboxGuid, PathKey>();
  for (const { key, mailbox } of other.nodes.values())
    if (mailbox !== undefined) keyThere.set(mailbox.guid, key);
  const guidsThere = guidsOf(other);
  const isRecreated = (guid: MailboxGuid): boolean => {
    const key = keyThere.get(guid);
    const successor = key === undefined ? undefined : side.nodes.get(key)?.mailbox;
    return successor !== undefined && successor.guid !== guid && !guidsThere.has(successor.guid);
  };
  return {
    ...side,
    deletedMailboxes: new Set([...side.deletedMailboxes].filter((guid) => !isRecreated(guid))),
  };
}

/**
 * Our side, ready to give up names that a Dovecot cannot hold. It makes another name of such a one: a
 * "_" before it (`~tilde`), or in place of the dots that a Maildir has between its levels. The mailbox
 * then has two names, and only the Dovecot's can be had by both.
 */
export function yieldNames(ours: TreeSide, theirs: TreeSide): TreeSide {
  const theirNodes = new Map<MailboxGuid, SideNode>();
  for (const node of theirs.nodes.values())
    if (node.mailbox !== undefined) theirNodes.set(node.mailbox.guid, node);
  const holdsDots = [...theirs.nodes.keys()].some((key) => key.includes('.'));
  const nodes = new Map(ours.nodes);
  for (const [key, node] of ours.nodes) {
    const their = node.mailbox === undefined ? undefined : theirNodes.get(node.mailbox.guid);
    if (their === undefined || !isMadeOf(their.key, key, holdsDots)) continue;
    if (!isRenamedLater(node, their)) nodes.set(key, { ...node, namedAt: beforeAll });
  }
  return { ...ours, nodes };
}

const beforeAll = -1;

function isMadeOf(theirKey: PathKey, ourKey: PathKey, holdsDots: boolean): boolean {
  if (theirKey === ourKey) return false;
  const [theirName, ourName] = [theirKey, ourKey].map((key) => pathOf(key).join('/'));
  const undotted = holdsDots ? ourName : ourName?.replaceAll('.', '_');
  if (theirName === undotted || theirName === `_${undotted}`) return true;
  const unescaped = unescapedName(ourName ?? '');
  return unescaped !== ourName && (theirName === unescaped || theirName === unescaped.replaceAll('.', '/'));
}

/** Dovecot 2.3 before 2.3.21 takes a "%" with two hex digits for an escaped character: `a%2eb` becomes `a.b`. */
const unescapedName = (name: string): string =>
  name.replace(/%([2-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** Somebody gave the mailbox our name after it was made; a Dovecot that took that over has the same time. */
const isRenamedLater = (our: SideNode, their: SideNode): boolean =>
  our.namedAt !== their.namedAt && our.namedAt > (our.mailbox?.uidValidity ?? 0);
