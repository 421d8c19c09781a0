import type { MailboxMail, MailboxStatus, MailChange } from '@dsyncd/mailstore';
import type { MailboxState } from '@dsyncd/protocol';
import type { Session } from './session.ts';

/** Expunges of one mailbox that wait for the end of the sync. */
export interface LateExpunges {
  readonly mailbox: MailboxMail;
  readonly changes: readonly MailChange[];
}

const batchChanges = 256;

/**
 * Expunges what the peer expunged, once every mailbox is synced: a mail that was moved is then
 * copied from its old mailbox, and not sent again.
 *
 * @returns where that leaves the mailboxes that nobody else changed meanwhile
 */
export async function applyLateExpunges(session: Session): Promise<MailboxState[]> {
  const settled: MailboxState[] = [];
  for (const { mailbox, changes: all } of session.lateExpunges) {
    const changes = all.filter((change) => !isMovedToLeftOut(session, change));
    const state = session.states.get(mailbox.guid);
    const status = await expunge(mailbox, changes, state?.localModSeq);
    if (status === undefined || state === undefined) continue;
    const { highestModSeq, messagesCount } = status;
    session.states.set(mailbox.guid, { ...state, localModSeq: highestModSeq, messagesCount });
    settled.push({
      type: 'state',
      guid: mailbox.guid,
      uidValidity: status.uidValidity,
      lastCommonUid: state.lastCommonUid as MailboxStatus['uidNext'],
      lastCommonModSeq: highestModSeq,
      lastCommonPvtModSeq: 0 as MailboxStatus['highestModSeq'],
      messagesCount,
      changedDuringSync: false,
    });
  }
  return settled;
}

/** Was the mail moved to a mailbox that is left out? Then this host would have no copy of it. */
const isMovedToLeftOut = ({ leftOut }: Session, change: MailChange): boolean =>
  change.type === 'expunge' &&
  leftOut.some(({ newThere }) => newThere === undefined || newThere.has(change.guid ?? ''));

/** Undefined when someone else changed the mailbox since the modseq that its state names: the next sync tells. */
async function expunge(
  mailbox: MailboxMail,
  changes: readonly MailChange[],
  knownModSeq: number | undefined,
): Promise<MailboxStatus | undefined> {
  let known = knownModSeq;
  let after: MailboxStatus | undefined;
  for (let from = 0; from < changes.length; from += batchChanges) {
    const result = await mailbox.apply(changes.slice(from, from + batchChanges));
    if (result.before.highestModSeq !== known) known = undefined;
    else known = result.after.highestModSeq;
    after = result.after;
  }
  return known === undefined ? undefined : after;
}
