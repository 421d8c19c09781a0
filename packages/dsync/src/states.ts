import { limits } from '@dsyncd/core';
import type { MailboxStatus } from '@dsyncd/mailstore';
import type { MailboxSyncState } from '@dsyncd/protocol';
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
