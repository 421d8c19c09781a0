import type { MailboxGuid } from '@dsyncd/core';
import type { MailboxSyncState } from '@dsyncd/protocol';
import type { DoneBefore } from './options.ts';
import type { Session } from './session.ts';

/** The others first: a try that is cut off as early as the last one must get further. */
export function othersFirst<Each extends { readonly guid: MailboxGuid }>(
  mailboxes: readonly Each[],
  doneBefore: DoneBefore | undefined,
): readonly Each[] {
  if (doneBefore === undefined || doneBefore.size === 0) return mailboxes;
  const isDone = ({ guid }: Each): boolean => doneBefore.has(guid);
  return [...mailboxes.filter((each) => !isDone(each)), ...mailboxes.filter(isDone)];
}

/** Where a session stands before a mailbox, to see afterwards whether the mailbox is done. */
interface Before {
  readonly state: MailboxSyncState | undefined;
  readonly changes: number;
  readonly leftOut: number;
}

export const beforeMailbox = (session: Session, guid: MailboxGuid): Before => ({
  state: session.states.get(guid),
  changes: session.changes.length,
  leftOut: session.leftOut.length,
});

/**
 * Notes a mailbox that was synced to its end. One that changed meanwhile, that was left out, or whose expunges wait for the end of the
 * sync, is left to the next try.
 */
export function noteDone(
  session: Session,
  guid: MailboxGuid,
  before: Before,
  doneBefore: DoneBefore | undefined,
): void {
  if (doneBefore === undefined) return;
  const isOpen =
    session.changes.length > before.changes ||
    session.leftOut.length > before.leftOut ||
    session.requiresFullResync ||
    session.lateExpunges.some(({ mailbox }) => mailbox.guid === guid);
  if (isOpen) {
    doneBefore.delete(guid);
    return;
  }
  const state = session.states.get(guid);
  const isProof = session.peerCan('expunges') && state !== before.state;
  doneBefore.set(guid, isProof ? state : undefined);
}
