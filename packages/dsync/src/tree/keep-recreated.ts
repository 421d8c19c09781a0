import type { MailboxGuid } from '@dsyncd/core';
import { guidsOf, type PathKey, type TreeSide } from './side.ts';

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
