/**
 * How far a peer may lead our numbers. UIDs and modseqs only go up: who followed a peer to their very end could give out
 * none any more, and neither could those that follow us.
 */

import { DsyncdError, limits, uint32Max } from '@dsyncd/core';
import type { MailboxStatus } from '@dsyncd/mailstore';
import type { MailboxHeader, MailChangeItem } from '@dsyncd/protocol';

type Numbers = Pick<MailboxStatus, 'uidNext' | 'highestModSeq'>;

/** A host that stands at the limit goes on giving out UIDs; those that know its mailbox must be able to follow. */
const uidNextMax = (ours: Numbers): number =>
  Math.min(uint32Max, Math.max(limits.peerUidMax, ours.uidNext + limits.peerUidsAheadMax));

const modSeqMax = (ours: Numbers): number =>
  Math.min(
    Number.MAX_SAFE_INTEGER,
    Math.max(limits.peerModSeqMax, ours.highestModSeq + limits.peerModSeqsAheadMax),
  );

/** @throws {DsyncdError} `DSYNCD_PEER_LIMIT` (operator) */
export function checkPeerHeader(ours: Numbers, remote: MailboxHeader): void {
  check('UIDNEXT', remote.uidNext, uidNextMax(ours), remote.guid);
  check('HIGHESTMODSEQ', remote.highestModSeq, modSeqMax(ours), remote.guid);
}

/** The mail takes its UID with it, and our UIDNEXT comes to stand above it. @throws as {@link checkPeerHeader} */
export const checkPeerUid = (ours: Numbers, { uid }: MailChangeItem, guid: MailboxHeader['guid']): void =>
  check('UID', uid, uidNextMax(ours) - 1, guid);

function check(what: string, value: number, max: number, guid: string): void {
  if (value <= max) return;
  throw new DsyncdError(
    'DSYNCD_PEER_LIMIT',
    `the peer has the ${what} ${value} in mailbox ${guid}, more than ${max}`,
    {
      outcome: 'operator',
      hint: 'move the mails of that mailbox to a new one there, or check what the peer is',
    },
  );
}
