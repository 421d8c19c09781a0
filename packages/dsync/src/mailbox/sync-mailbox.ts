import { DsyncdError, type MailboxGuid, type ModSeq, type Uid, type UidValidity } from '@dsyncd/core';
import type { MailboxMail, MailboxStatus, UserMail } from '@dsyncd/mailstore';
import type { MailboxHeader, MailboxSyncState } from '@dsyncd/protocol';
import { checkPeerHeader } from '../peer-limits.ts';
import type { Session } from '../session.ts';
import { exchangeMailbox } from './exchange-mailbox.ts';
import type { CommonPoint } from './export.ts';
import type { ImportResult } from './importer.ts';
import { namingRefused } from './left-out.ts';

const nothingInCommon: CommonPoint = { lastCommonUid: 0, localModSeq: 0 };

export const headerOf = (status: MailboxStatus, ignoreState: boolean): MailboxHeader => ({
  type: 'mailbox',
  guid: status.guid,
  uidValidity: status.uidValidity,
  uidNext: status.uidNext,
  messagesCount: status.messagesCount,
  firstRecentUid: status.firstRecentUid,
  highestModSeq: status.highestModSeq,
  highestPvtModSeq: 0 as ModSeq,
  lost: false,
  ignored: false,
  haveGuids: true,
  haveSaveGuids: true,
  haveOnlyGuid128: false,
  ignoreState,
});

export const lostHeader = (guid: MailboxHeader['guid']): MailboxHeader => ({
  ...headerOf(
    {
      guid,
      uidValidity: 0 as UidValidity,
      uidNext: 0 as Uid,
      messagesCount: 0,
      firstRecentUid: 0 as Uid,
      highestModSeq: 0 as ModSeq,
    },
    false,
  ),
  haveGuids: false,
  haveSaveGuids: false,
  lost: true,
});

/** Does the mailbox still go with what the last sync left? A restored backup, for one, does not. */
export const fitsState = (status: MailboxStatus, state: MailboxSyncState | undefined): boolean =>
  state === undefined ||
  (state.uidValidity === status.uidValidity &&
    status.uidNext > state.lastCommonUid &&
    status.highestModSeq >= state.localModSeq);

/** Nothing happened here since the last sync. */
export const isAsInState = (status: MailboxStatus, state: MailboxSyncState | undefined): boolean =>
  state !== undefined &&
  state.uidValidity === status.uidValidity &&
  state.lastCommonUid + 1 === status.uidNext &&
  state.localModSeq === status.highestModSeq &&
  state.messagesCount === status.messagesCount;

/** Where our side is overwritten: is what we had after the last sync still what we have? */
export const isUntouched = (status: MailboxStatus, state: MailboxSyncState | undefined): boolean =>
  state === undefined || state.lastCommonUid === 0 || isAsInState(status, state);

/** For a `changed` sync: is there a sign that both sides differ? */
const needsSync = (session: Session, local: MailboxStatus, remote: MailboxHeader): boolean =>
  session.syncType !== 'changed' ||
  local.uidValidity !== remote.uidValidity ||
  local.uidNext !== remote.uidNext ||
  local.messagesCount !== remote.messagesCount ||
  local.highestModSeq !== remote.highestModSeq ||
  // Each side finds out on its own whether anything differs: a Dovecot compares these, too.
  remote.highestPvtModSeq !== 0 ||
  local.firstRecentUid !== remote.firstRecentUid;

/**
 * Syncs one mailbox after both headers have been exchanged, and notes the state that it leaves.
 * Where the UIDVALIDITYs differ both sides take that of the fuller mailbox (or the greater one).
 */
export async function syncMailbox(
  session: Session,
  mailbox: MailboxMail,
  snapshot: MailboxStatus,
  remote: MailboxHeader,
  ignoreState: boolean,
): Promise<void> {
  checkPeerHeader(snapshot, remote);
  const state = session.states.get(mailbox.guid);
  const isSameValidity = snapshot.uidValidity === remote.uidValidity;
  const since =
    state === undefined || ignoreState || remote.ignoreState || !isSameValidity
      ? nothingInCommon
      : {
          lastCommonUid: state.lastCommonUid,
          localModSeq: state.lastCommonUid === 0 ? 0 : state.localModSeq,
        };
  const uidValidity = isSameValidity
    ? snapshot.uidValidity
    : await adoptUidValidity(session, snapshot, remote);
  if (!needsSync(session, snapshot, remote)) return;
  try {
    const result = await exchangeMailbox(session, { mailbox, snapshot, remote, since });
    const isLeftOut = session.leftOut.at(-1)?.guid === mailbox.guid;
    if (!isLeftOut) noteResult(session, mailbox, result);
    await settleState(session, { ...result, guid: mailbox.guid, uidValidity }, remote);
    if (isLeftOut) session.states.delete(mailbox.guid);
  } catch (error) {
    const { offeredUid: uid, user } = session;
    if (uid === undefined) throw error;
    throw await namingRefused(error, { guid: mailbox.guid, uid }, user);
  }
  session.offeredUid = undefined;
}

async function adoptUidValidity(
  session: Session,
  local: MailboxStatus,
  remote: MailboxHeader,
): Promise<UidValidity> {
  const isPeerDovecot = !session.peerCan('expunges');
  if (session.isOnlySending && !isPeerDovecot) return local.uidValidity;
  if (isPeerDovecot && (session.states.get(local.guid)?.lastCommonUid ?? 0) > 0) {
    // A Dovecot cannot start a mailbox over in the middle of a sync.
    session.requiresFullResync = true;
    throw new DsyncdError(
      'DSYNCD_UIDVALIDITY_CHANGED',
      `the UIDVALIDITY of mailbox ${local.guid} has changed`,
      {
        outcome: 'transient',
        hint: 'nothing to do: the next sync is a full one',
      },
    );
  }
  const isTheirsKept =
    (session.isOverwritten && !isPeerDovecot) ||
    remote.messagesCount > local.messagesCount ||
    (remote.messagesCount === local.messagesCount && remote.uidValidity > local.uidValidity);
  if (!isTheirsKept) return local.uidValidity;
  const uidValidity = remote.uidValidity as UidValidity;
  if (!session.isDryRun)
    await session.user.changeMailboxIdentity(local.guid, { guid: local.guid, uidValidity });
  return uidValidity;
}

function noteResult(session: Session, mailbox: MailboxMail, result: ImportResult): void {
  const where = `in mailbox ${mailbox.guid}`;
  if (result.conflicts > 0)
    session.conflicts.push(`flags of ${mails(result.conflicts)} ${where} had been changed on both hosts`);
  if (result.renumbered > 0)
    session.conflicts.push(
      `${mails(result.renumbered)} ${where} got other UIDs, because both hosts had given them out`,
    );
  if (result.offeredAnew > 0)
    session.changes.push(
      `${mails(result.offeredAnew)} ${where} that the peer does not have got new UIDs, under which the next sync offers them`,
    );
  else if (result.isChangedMeanwhile)
    session.changes.push(`mailbox ${mailbox.guid} was changed during the sync`);
}

const mails = (count: number): string => `${count} ${count === 1 ? 'mail' : 'mails'}`;

interface Settled extends ImportResult {
  readonly guid: MailboxHeader['guid'];
  readonly uidValidity: UidValidity;
}

/** Both sides say how far they have seen the mailbox; what both have reached is the new state. */
async function settleState(session: Session, ours: Settled, remote: MailboxHeader): Promise<void> {
  const { guid, uidValidity, messagesCount, isChangedMeanwhile } = ours;
  const isDsyncd = session.peerCan('expunges');
  // A Dovecot keeps one modseq for both sides, so each says what it has seen of the other's.
  const localModSeq = isDsyncd ? ours.localModSeq : Math.min(ours.localModSeq, remote.highestModSeq);
  await session.stream.send({
    type: 'state',
    guid,
    uidValidity: session.requiresFullResync ? 0 : uidValidity,
    lastCommonUid: ours.lastCommonUid as Uid,
    lastCommonModSeq: localModSeq as ModSeq,
    lastCommonPvtModSeq: 0 as ModSeq,
    messagesCount,
    changedDuringSync: isChangedMeanwhile || session.requiresFullResync,
  });
  await session.stream.flush();
  const theirs = await session.next('state');
  if (theirs?.guid !== guid) throw session.unexpected(theirs ?? { type: 'end' }, 'state');
  if (theirs.changedDuringSync && !isChangedMeanwhile)
    session.changes.push(`mailbox ${guid} was changed on the peer during the sync`);
  if (!isDsyncd && session.oneWay === undefined && theirs.messagesCount !== messagesCount) {
    noteUnequalCounts(session, { guid, ours: messagesCount, theirs: theirs.messagesCount });
    return;
  }
  const common = Math.min(localModSeq, theirs.lastCommonModSeq);
  session.states.set(guid, {
    guid,
    uidValidity,
    lastCommonUid: Math.min(ours.lastCommonUid, theirs.lastCommonUid),
    localModSeq: isDsyncd ? localModSeq : common,
    remoteModSeq: isDsyncd ? theirs.lastCommonModSeq : common,
    lastCommonPvtModSeq: theirs.lastCommonPvtModSeq,
    messagesCount,
  });
}

/**
 * Two mailboxes with different numbers of mails are not equal, whatever else was agreed on: a state would hide what one
 * side lacks. Mail that came during the sync looks the same, and costs one more sync.
 */
function noteUnequalCounts(
  session: Session,
  { guid, ours, theirs }: { guid: MailboxHeader['guid']; ours: number; theirs: number },
): void {
  session.states.delete(guid);
  // One that compared everything can do no better; and a Dovecot that leads keeps a state of its own.
  if (session.syncType === 'full') return;
  if (!session.isMaster) session.requiresFullResync = true;
  session.changes.push(`mailbox ${guid} has ${mails(ours)} here and ${theirs} on the peer`);
}

/** Undefined for one that is not there, or not any more. */
export async function findMailbox(user: UserMail, guid: MailboxGuid): Promise<MailboxMail | undefined> {
  try {
    return await user.mailbox(guid);
  } catch (error) {
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_NO_MAILBOX') return undefined;
    throw error;
  }
}
