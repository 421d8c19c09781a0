/**
 * What a peer may make us do: follow its numbers, and hold its changes in memory. UIDs and modseqs only go up: a host
 * that followed a peer to their very end could give out none any more, and neither could the hosts that follow it.
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

export const outOfOrder = ({ kind, uid }: MailChangeItem, mailbox: MailboxHeader['guid']): DsyncdError =>
  new DsyncdError(
    'DSYNCD_PROTOCOL',
    `the peer sent a ${kind} of UID ${uid} out of order in mailbox ${mailbox}`,
    {
      outcome: 'transient',
      hint: 'check that the peer is a Dovecot 2.3 or 2.4 or a dsyncd',
    },
  );

/** A change with its GUID takes about so much, its keywords not counted. */
const changeBytes = 240;

/** What a peer makes us hold in memory for one sync: it must not take the whole host down. */
export class PlanBudget {
  readonly #peerName: string;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(peerName: string, bytesMax: number = limits.plannedBytesMax) {
    this.#peerName = peerName;
    this.#bytesMax = bytesMax;
  }

  /**
   * @returns its estimated bytes, for {@link release}
   * @throws {DsyncdError} `DSYNCD_PEER_LIMIT` (operator) when there is no room for it.
   */
  hold(change: Pick<MailChangeItem, 'keywords'>): number {
    const bytes = costOf(change);
    this.#bytes += bytes;
    if (this.#bytes <= this.#bytesMax) return bytes;
    throw new DsyncdError(
      'DSYNCD_PEER_LIMIT',
      `${this.#peerName} sent more new mails and expunges than one sync can plan in ${this.#bytesMax} bytes`,
      {
        outcome: 'operator',
        hint: 'split the largest mailboxes on the peer, or sync them one by one: dsyncadm sync -m MAILBOX',
      },
    );
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}

function costOf({ keywords }: Pick<MailChangeItem, 'keywords'>): number {
  let bytes = changeBytes;
  for (const { name } of keywords) bytes += 2 * name.length + 32;
  return bytes;
}
