import { limits } from '@dsyncd/core';
import type { MailboxMail, MailboxStatus, MailChange } from '@dsyncd/mailstore';
import type { MailboxState, MailboxSyncState } from '@dsyncd/protocol';
import type { Session } from './session.ts';

/** Tells the slave where the last sync left each mailbox. */
export async function sendStates(session: Session, states: readonly MailboxSyncState[]): Promise<void> {
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

export async function receiveStates(session: Session): Promise<void> {
  for await (const item of session.list('state', {
    countMax: limits.mailboxesPerUserMax,
    bytesMax: limits.peerListBytesMax,
  }))
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

/** States of mailboxes that are no more would only grow the state string. */
export function forgetLostMailboxes(states: Session['states'], present: readonly MailboxStatus[]): void {
  const guids = new Set(present.map(({ guid }) => guid));
  for (const guid of states.keys()) if (!guids.has(guid)) states.delete(guid);
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

/** Undefined when someone else changed the mailbox since the modseq that its state names: the next sync finds out. */
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
